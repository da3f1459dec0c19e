"""What a rule of one's own reads of a deployment; the short way to `schedproof.engines.fastdeploy.config`."""

from schedproof.engines.fastdeploy.config import MultimodalInput, Platform, Role, ServingConfig

__all__ = ["MultimodalInput", "Platform", "Role", "ServingConfig"]
