"""What AWS says of its load balancers: the question whether a weight is in force.

Belongs here: the SDK behind one method, what it answers as values, caches, patience under throttling, the comparison.
Must not: write anything, in AWS or in the cluster; be imported with boto3 missing, except for `sdk`.
"""
