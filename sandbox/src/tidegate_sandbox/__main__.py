"""`python -m tidegate_sandbox up --kubeconfig FILE`."""

from tidegate_sandbox.cli import app

if __name__ == "__main__":
    app()
