"""What is wrong with a Rollout, or with an object that it names: one set of checks for controller, lint and admission.

Start with `rollout.py`. A check yields problems with the field's path and Kubernetes' or the reference's own words; it never
raises, whatever shape the object has.
"""
