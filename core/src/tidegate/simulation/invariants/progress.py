"""Progress: steps one at a time, promotions through their gates, aborts and deadlines where they may be; objects and specs."""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.machine.actions import CreateReplicaSet, DeleteReplicaSet, PatchRollout
from tidegate.machine.plan import Result
from tidegate.simulation.invariants.look import Look, Rule, Trace
from tidegate.simulation.pods import controlled
from tidegate.simulation.store import REPLICA_SET


def i9_stable_changes_by_promotion(look: Look) -> Iterator[str]:
    """I9: stableRS changes only by a promotion, never by a failed or aborted update.

    Not where somebody has deleted the stable ReplicaSet: there is nothing to go back to (3.15-1 comes before 3.15-2).
    """
    if look.after.get("stableRS", "") == look.status.get("stableRS", "") or look.stable is None:
        return
    told = any(event.reason == "RolloutCompleted" for event in look.made.events)
    if not told or look.aborted:
        yield f"stableRS {look.status.get('stableRS')} -> {look.after.get('stableRS')} while {look.made.situation}"


def i12_one_step_at_a_time(look: Look) -> Iterator[str]:
    """I12: at most one step completes in a pass, none while a person has paused the Rollout."""
    done = [event.message for event in look.made.events if event.reason == "RolloutStepCompleted"]
    if len(done) > 1 or (done and look.made.seen.rollout.spec.paused):
        yield f"completed {done} (paused: {look.made.seen.rollout.spec.paused})"
    before, after = look.status.get("currentStepIndex"), look.after.get("currentStepIndex")
    count = len(look.canary.steps)
    jumped = after is not None and before is not None and max(before, 0) + 1 < min(after, count)
    promoted = any(event.reason in ("RolloutCompleted", "SkipSteps") for event in look.made.events)
    skips = look.status.get("promoteFull") or promoted or look.made.seen.rollout.spec.rollback_window is not None
    if jumped and not skips and look.made.situation in ("updating", "aborted"):
        yield f"step {before} -> {after} in one pass"


def i15_the_spec_is_the_users(look: Look) -> Iterator[str]:
    """I15 and A16: the controller writes nothing into the spec but a default size."""
    for action, _ in look.tried(PatchRollout):
        if action.replicas is not None and look.made.seen.rollout.spec.replicas is not None:
            yield f"spec.replicas is overwritten with {action.replicas}"


def i18_deadlines_do_not_run_in_pauses(look: Look) -> Iterator[str]:
    """I18: no deadline passes in a pause or for a step that waits by design; a promoted rollout never aborts."""
    reasons = {c.get("type"): c.get("reason") for c in look.after.get("conditions", [])}
    before = {c.get("type"): c.get("reason") for c in look.status.get("conditions", [])}
    late = "ProgressDeadlineExceeded"
    fresh = reasons.get("Progressing") == late and before.get("Progressing") != late
    if fresh and (look.status.get("pauseConditions") or look.made.seen.rollout.spec.paused):
        yield "the deadline passed in a pause"
    told = any(event.reason == "RolloutAborted" for event in look.made.events)
    promoted = look.status.get("stableRS", "") == look.status.get("currentPodHash", "")
    if told and promoted and look.made.situation == "steady":
        yield "a promoted rollout is aborted"


def i20_a_finished_rollout_ignores_abort(look: Look) -> Iterator[str]:
    """I20: a finished rollout clears an abort, and promoteFull does not outlive the promotion."""
    made = look.made
    if made.error or made.crashed or any(o.result is not Result.DONE for o in made.outcomes):
        return
    if made.situation == "steady" and look.after.get("abort"):
        yield "a finished rollout keeps abort"
    completed = any(event.reason == "RolloutCompleted" for event in made.events)
    if (completed or look.after.get("phase") == "Healthy") and look.after.get("promoteFull"):
        yield f"promoteFull outlives the promotion ({look.after.get('phase')})"


def a12_promotion_goes_through_its_gates(look: Look) -> Iterator[str]:
    """A12: a revision is promoted with its pods, behind its last step, or by a stated way round the steps."""
    text = next((e.message for e in look.made.events if e.reason == "RolloutCompleted"), "")
    reason = text.partition("): ")[2]
    if not reason or reason == "Initial deploy":
        return
    new, threshold = look.new, look.canary.replica_progress_threshold
    if new is None:
        yield f"promoted without a ReplicaSet: {text}"
    elif look.blue_green is None and new.available < look.replicas and (threshold is None or threshold.value < 0):
        # 4.6: what a blue-green promotes has been switched to, and was complete then.
        yield f"promoted with {look.named(new)} of {look.replicas}: {reason}"
    index = max(look.status.get("currentStepIndex") or 0, 0)
    if reason.startswith("Completed all") and index < len(look.canary.steps):
        yield f"promoted at step {index} of {len(look.canary.steps)}: {reason}"
    if reason == "Full promotion requested" and not look.status.get("promoteFull"):
        yield "a full promotion that nobody asked for"
    if look.blue_green is not None and look.selected_by(look.blue_green.active_service) != look.after.get(
        "currentPodHash"
    ):
        yield f"promoted while the active Service selects another: {reason}"


def i10_one_set_for_one_template(look: Look) -> Iterator[str]:
    """I10 and A7: no second ReplicaSet for a template that one of ours runs already."""
    uid = look.made.seen.rollout.metadata.uid
    for action, outcome in () if _marked(look) else look.tried(CreateReplicaSet):
        made = look.cluster.store.get(REPLICA_SET, action.name)
        if made is None or not outcome.wrote:
            continue
        digest = look.cluster.eyes.replica_set(made).digest
        for name, manifest in look.cluster.store.all(REPLICA_SET).items():
            twin = name != action.name and look.cluster.eyes.replica_set(manifest).digest == digest
            if twin and controlled(manifest, uid):
                yield f"{action.name} runs the same template as {name}"


def _marked(look: Look) -> bool:
    """Whether pods carry metadata for a while: an undo copies it into the template, where it is the user's (6.3-20)."""
    canary, blue_green = look.canary, look.blue_green
    marks = (canary.canary_metadata, canary.stable_metadata)
    return any(marks) or (blue_green is not None and bool(blue_green.preview_metadata or blue_green.active_metadata))


def a7_nothing_that_runs_is_deleted(look: Look) -> Iterator[str]:
    """A7: whatever old list it was decided from, no ReplicaSet with pods is deleted."""
    for action, outcome in look.tried(DeleteReplicaSet):
        pods = [pod.name for pod in look.cluster.pods.all.values() if pod.owner == action.uid and not pod.deleting]
        if outcome.wrote and pods:
            yield f"{action.name} is deleted with {len(pods)} running pods"


def a6_the_autoscaler_sees_what_is(look: Look) -> Iterator[str]:
    """A6: HPAReplicas is the sum of the observed sets, and nothing else."""
    if look.blue_green is None and look.running and look.made.patch and not look.made.error:
        there = sum(s.replicas for s in look.owned)
        if look.after.get("HPAReplicas", 0) != there:
            yield f"HPAReplicas {look.after.get('HPAReplicas', 0)} of {there} pods"


def a10_no_pass_asks_for_itself(look: Look) -> Iterator[str]:
    """A10: no pass wants to be made again at once: what was due has just been looked at."""
    if look.made.wake_at is not None and look.made.wake_at <= look.made.seen.now:
        late = (look.made.seen.now - look.made.wake_at).total_seconds()
        yield f"woken for {late:.3f} s ago while {look.made.situation}, {look.after.get('phase')} {look.after.get('message', '')}"


RULES = (
    Rule.of("I9", i9_stable_changes_by_promotion, Trace.STATUS),
    Rule.of("I10", i10_one_set_for_one_template, CreateReplicaSet),
    Rule.of("I12", i12_one_step_at_a_time, Trace.STATUS, Trace.EVENT),
    Rule.of("I15", i15_the_spec_is_the_users, PatchRollout),
    Rule.of("I18", i18_deadlines_do_not_run_in_pauses, Trace.STATUS, Trace.EVENT),
    Rule.of("I20", i20_a_finished_rollout_ignores_abort, Trace.MADE),
    Rule.of("A6", a6_the_autoscaler_sees_what_is, Trace.STATUS),
    Rule.of("A10", a10_no_pass_asks_for_itself, Trace.MADE),
    Rule.of("A7", a7_nothing_that_runs_is_deleted, DeleteReplicaSet),
    Rule.of("A12", a12_promotion_goes_through_its_gates, Trace.EVENT),
)
