"""Independent checks of datasets: replay, finite differences, MuJoCo's C engine."""

from dynsparse.verification.verify import verify_jacobians

__all__ = ["verify_jacobians"]
