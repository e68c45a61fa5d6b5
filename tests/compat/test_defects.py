"""Every defect of the reference controller that concerns canary, blue-green, operations or a router has a test that ours
lacks it.

The ids are those of the rows in `playback/wanted.py`. Defects of analysis and of experiments wait for those.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest
from playback.reading import SCENARIOS
from playback.reasons import REASONS
from playback.wanted import WANTED

ROOT = Path(__file__).parents[2]
FOLDERS = {
    "M:": "core/tests/machine/test_",
    "R:": "core/tests/runtime/test_runtime_",
    "N:": "plugins/nginx/tests/test_",
    "I:": "plugins/istio/tests/test_istio_",
    "A:": "plugins/aws_alb/tests/test_aws_alb_",
    "S:": "plugins/smi/tests/test_smi_",
    "C:": "tests/compat/test_",
}
LIMITS = ROOT / "docs" / "limits.md"

# id -> where it is shown: `<file>::<test>` in which a letter stands for a folder above, or the name of a recording.
SHOWN: dict[str, tuple[str, ...]] = {
    "X2": ("M:hazards_traffic::test_h11_an_abort_is_at_most_one_selector_write", "routed-abort-delay-scale"),
    "X3": (
        "M:operations_workload::test_h36_a_workload_that_is_gone_changes_nothing_but_the_phase",
        "ops-workload-ref-deleted",
    ),
    "X4": (
        "M:hazards_traffic::test_h28_the_stable_service_of_a_basic_canary_never_selects_nobody",
        "canary-services-last-drain",
    ),
    "X5": (
        "I:subsets::test_i12_subsets_of_others_are_kept",
        "C:routed_defects::test_x05_x32_other_subsets_and_fields_stay_and_cause_no_writes",
    ),
    "X6": (
        "I:routes::test_i22_a_weight_reaches_the_mirror_and_the_route_that_nobody_named",
        "routed-istio-mirror-inferred",
    ),
    "X7": ("I:routes::test_i43_fields_of_the_destinations_are_copied_too", "routed-istio-mirror-inferred"),
    "X8": ("N:nginx_acceptance::test_n05_a_total_that_is_no_longer_wanted_is_removed", "routed-nginx-ingresses"),
    "X9": (
        "M:hazards_traffic::test_h01_a_service_that_carries_weight_moves_only_to_a_version_with_the_pods_for_it",
        "routed-dynamic-third-revision",
    ),
    "X10": (
        "M:hazards_traffic::test_h49_a_step_does_not_complete_while_stable_holds_the_weight_back",
        "routed-dynamic-third-revision",
    ),
    "X11": ("M:hazards_sizes::test_h47_a_threshold_is_not_met_by_the_pods_of_the_step_before",),
    "X12": ("M:hazards_traffic::test_h46_former_versions_never_go_below_the_floor",),
    "X13": (
        "M:hazards_sizes::test_h26_a_version_that_replaces_a_bad_one_does_not_pass_its_step_without_pods",
        "canary-weight-lowered-slow-pods",
    ),
    "X14": ("M:hazards_sizes::test_h29_a_new_template_comes_before_the_new_size", "canary-replicas-and-image"),
    "X15": (
        "M:operations_scale::test_h23_a_switch_to_blue_green_in_mid_update_keeps_stable_until_the_promotion",
        "bluegreen-canary-switch-mid-update",
    ),
    "X16": (
        "R:engine::test_a_managed_service_that_lost_its_hash_gets_it_back_at_once",
        "R:engine::test_a_foreign_manager_that_does_not_exist_costs_no_user_its_service",
        "routed-adopt-service",
    ),
    "X17": (
        "R:engine::test_a_deleted_service_is_reported_and_its_return_noticed",
        "R:engine::test_a_deleted_route_is_reported_and_its_return_noticed",
        "routed-nginx-ingresses",
    ),
    "X18": (
        "S:acceptance::test_s12_an_edit_by_hand_is_repaired",
        "S:acceptance::test_s13_a_deleted_split_comes_back_at_its_weight",
        "C:routed_defects::test_x18_a_split_that_is_edited_or_deleted_is_repaired_in_one_write",
    ),
    "X19": (
        "R:routers::test_c23_a_foreign_write_to_weights_and_header_route_is_repaired_in_one_pass",
        "M:contract_cases::test_c23_every_pass_asks_for_the_routes_of_earlier_steps",
        "routed-istio-header-mirror",
    ),
    "X20": (
        "M:hazards_traffic::test_h02_the_canary_side_of_a_pair_moves_only_at_weight_0",
        "M:contract_cases::test_c33_with_ping_pong_the_weight_goes_before_the_service_moves",
        "routed-alb-ping-pong",
    ),
    "X21": ("M:contract_cases::test_c19_weights_that_leave_stable_less_than_nothing_do_not_exist",),
    "X25": (
        "M:hazards_status::test_h43_a_pause_never_ends_early",
        "M:hazards_status::test_h43_delays_of_old_and_of_aborted_versions_never_end_early",
        "M:operations_hazards::test_h43_the_seconds_of_a_blue_green_are_never_fewer",
    ),
    "X26": ("N:nginx_acceptance::test_n16_paths_of_other_services_are_not_copied", "routed-nginx-ingresses"),
    "X27": (
        "I:routes::test_i20_the_number_of_other_routes_never_changes",
        "routed-istio-unnamed-routes",
    ),
    "X28": (
        "M:contract_cases::test_c15_a_destination_without_a_service_is_left_out_and_waited_for",
        "I:acceptance::test_i42_entries_without_a_host_go",
    ),
    "X31": (
        "I:routes::test_i25_removing_nothing_writes_and_tells_nothing",
        "routed-istio-header-mirror",
        "routed-istio-mirror-inferred",
        "routed-istio-unnamed-routes",
    ),
    "X32": (
        "I:subsets::test_i40_a_field_beside_the_labels_causes_no_writes",
        "C:routed_defects::test_x05_x32_other_subsets_and_fields_stay_and_cause_no_writes",
    ),
    "X33": (
        "M:contract_cases::test_i13_a_hash_waits_for_a_complete_stable_without_error_or_back_off",
        "M:contract_cases::test_i44_after_the_promotion_labels_and_weight_0_come_with_the_next_pass",
    ),
    "X34": (
        "S:acceptance::test_s07_a_split_of_somebody_else_is_left_alone",
        "R:engine::test_somebody_elses_object_is_reported_once_and_noticed_when_it_goes",
        "routed-weight-error",
    ),
    "X36": (
        "R:engine::test_a_not_found_from_the_api_is_tried_again",
        "C:routed_defects::test_x36_a_kind_that_is_served_later_is_noticed_without_a_touch",
    ),
    "X37": (
        "I:subsets::test_i39_the_rule_is_watched_by_its_name_whatever_marks_it_carries",
        "I:subsets::test_i39_a_rule_that_comes_later_gets_mark_and_labels",
        "routed-istio-missing-rule",
    ),
    "X38": ("R:engine::test_a_taken_name_is_a_collision_and_another_is_found", "canary-name-collision-unlabelled"),
    "X39": ("R:queue::test_a_change_ends_the_back_off_and_is_looked_at_at_once", "canary-invalid-spec"),
    "X40": (
        "M:hazards_status::test_h27_a_resume_while_a_person_has_paused_is_kept",
        "canary-resume-while-user-paused",
    ),
    "X41": (
        "M:operations_hazards::test_h37_a_resume_never_starts_the_seconds_anew",
        "bluegreen-auto-promotion-resume",
    ),
    "X51": ("M:operations_restart::test_h38_a_new_template_cancels_a_pending_restart", "ops-restart"),
    "X52": (
        "A:acceptance::test_a33_a_deleted_rollout_leaves_its_heaviest_group",
        "C:routed_defects::test_x52_x71_nothing_is_booked_too_early_and_nothing_is_left_behind",
    ),
    "X56": (
        "M:hazards_status::test_h48_missing_pods_of_a_promoted_version_are_not_healthy",
        "M:hazards_status::test_h48_a_rejected_version_with_a_share_is_not_healthy",
    ),
    "X57": ("M:operations_restart::test_h39_it_is_over_when_the_last_old_pod_has_ended", "ops-restart"),
    "X58": (
        "M:operations_hazards::test_h41_an_abort_out_of_a_pause_leaves_no_condition_paused",
        "bluegreen-abort-before-switch",
    ),
    "X59": ("M:operations_hazards::test_h41_an_invalid_spec_is_not_healthy", "ops-workload-ref-deleted"),
    "X62": ("M:hazards_status::test_h33_the_first_pass_leaves_the_spec_alone",),
    "X63": ("N:nginx_acceptance::test_n19_what_others_put_on_the_canary_ingress_stays", "routed-nginx-ingresses"),
    "X64": ("R:events::test_sixty_different_texts_are_sixty_events", "ops-events-beyond-25"),
    "X65": ("M:hazards_status::test_h35_an_abort_by_the_deadline_is_one_event", "bluegreen-progress-deadline"),
    "X67": (
        "M:hazards_status::test_h42_only_a_new_template_skips_steps",
        "M:operations_scale::test_h42_a_switch_to_canary_is_no_rollback",
        "canary-first-deploy",
    ),
    "X69": (
        "S:acceptance::test_s10_a_forbidden_creation_is_told_and_writes_nothing",
        "S:acceptance::test_s11_a_version_that_is_not_served_is_an_error_until_it_is",
        "routed-smi-not-served",
    ),
    "X70": ("A:acceptance::test_a13_a_header_route_has_an_action_a_condition_and_entries",),
    "X71": (
        "A:acceptance::test_a35_removing_routes_before_there_are_any_writes_nothing",
        "C:routed_defects::test_x52_x71_nothing_is_booked_too_early_and_nothing_is_left_behind",
    ),
    # The same here, on purpose: clients know it so.
    "X68": ("M:operations_events::test_a_clients_resume_sends_no_resumed", "canary-surge-one"),
    "X72": ("M:validation_steps::test_vs1_an_empty_step_is_reported_with_what_is_missing", "canary-invalid-spec"),
    "X73": ("M:operations_events::test_texts_of_weights",),
}

# id -> the row of docs/limits.md that tells of it; those that are the same here on purpose have none.
SUBJECTS = {
    "X2": "canary Service after an abort behind a router",
    "X3": "workloadRef without its workload",
    "X4": "stableService of a basic canary",
    "X5": "subsets that others have put into a DestinationRule",
    "X6": "mirror route in a VirtualService whose routes are not named",
    "X7": "destinations of a mirror route",
    "X8": "canary Ingress",
    "X9": "canary Service of a third revision that takes over a weight",
    "X10": "setWeight step behind a router",
    "X11": "replicaProgressThreshold",
    "X12": "former versions behind a router",
    "X13": "setWeight step of a basic canary",
    "X14": "replicas and template in one write",
    "X15": "canary changed to blue-green in mid-update",
    "X16": "managed Service that lost its hash, or is claimed for nobody",
    "X17": "canary Ingress, Service or workload that is deleted",
    "X18": "TrafficSplit that somebody edits or deletes",
    "X19": "managed routes that somebody takes out of a VirtualService",
    "X21": "experiment whose weights do not fit beside the canary's",
    "X20": "ping-pong, third revision",
    "X25": "pauses, delays, deadlines",
    "X26": "canary Ingress",
    "X27": "routes without a name in a VirtualService",
    "X28": "experiment's Service that has no name yet",
    "X31": "VirtualService without any managed route",
    "X32": "subset with more than name and labels",
    "X33": "label of a subset whose new pods are not all there (`delaying destination rule switch`)",
    "X34": "canary Ingress that belongs to somebody else",
    "X36": "a reference that is missing",
    "X37": "DestinationRule that is made later",
    "X38": "foreign ReplicaSet without the hash label under the wanted name",
    "X39": "a change while an error waits to be tried again",
    "X40": "resume while `spec.paused`",
    "X41": "blue-green resume with `autoPromotionSeconds`",
    "X51": "a pending restart and a new template",
    "X52": "deleted Rollout behind an AWS load balancer",
    "X56": "phase Healthy behind a router",
    "X57": "restart and `restartedAt`",
    "X58": "condition `Paused` during an abort",
    "X59": "condition `Healthy` beside `InvalidSpec`",
    "X62": "spec of a fresh Rollout",
    "X63": "canary Ingress",
    "X64": "Kubernetes Events",
    "X65": "`progressDeadlineAbort`",
    "X67": "SkipSteps on a mere edit of the steps",
    "X69": "TrafficSplit that cannot be made",
    "X70": "event of a header route at an AWS load balancer",
    "X71": "bookkeeping of managed routes at an AWS load balancer",
}
ON_PURPOSE = {"X68", "X72", "X73"}


@cache
def names_in(path: Path) -> frozenset[str]:
    """The tests that a file defines."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def exists(where: str) -> bool:
    """Whether there is such a test, or such a recording."""
    if "::" not in where:
        return where in SCENARIOS
    file, _, test = where.partition("::")
    path = ROOT / f"{FOLDERS[file[:2]]}{file[2:]}.py"
    return test.startswith("test_") and path.is_file() and test in names_in(path)


@pytest.mark.parametrize("defect", SHOWN)
def test_what_shows_the_defect_absent_exists(defect: str) -> None:
    missing = [where for where in SHOWN[defect] if not exists(where)]

    assert SHOWN[defect]
    assert missing == []


def test_every_defect_that_a_recording_excuses_is_shown_absent() -> None:
    assert {reason for reason in REASONS if reason.startswith("X")} <= set(SHOWN)


def test_recordings_that_show_a_wanted_difference_are_named_with_it() -> None:
    """A recording that is named beside a defect is one in which ours differs for that reason, or is equal throughout."""
    excused = {name: {row.why for row in rows} for name, rows in WANTED.items()}
    named = {(defect, where) for defect, places in SHOWN.items() for where in places if "::" not in where}
    elsewhere = {defect for defect, where in named if defect in REASONS and defect not in excused.get(where, set())}

    assert elsewhere == set()


def test_the_page_of_limits_has_a_row_for_every_defect() -> None:
    rows = LIMITS.read_text(encoding="utf-8").splitlines()

    assert set(SHOWN) == set(SUBJECTS) | ON_PURPOSE
    assert [
        defect for defect, subject in SUBJECTS.items() if not any(r.startswith(f"| {subject} |") for r in rows)
    ] == []
