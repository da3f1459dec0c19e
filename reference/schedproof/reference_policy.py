"""What a rule of one's own begins with; the short way to `schedproof.engines.fastdeploy.reference_policy`."""

from schedproof.engines.fastdeploy.reference_policy import ReferencePolicy

__all__ = ["ReferencePolicy"]
