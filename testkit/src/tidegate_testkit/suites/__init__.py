"""The checks of the conformance suite, a subject a module.

Belongs here: what every router must hold to, as classes of checks that `tidegate_testkit.traffic` puts together; each
check starts from a fresh cluster, and each has a broken router in the kit's own tests that it must catch.
Must not: know a provider, or a check that a router cannot satisfy by the contract alone.
"""
