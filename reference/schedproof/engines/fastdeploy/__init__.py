"""FastDeploy: configuration, the turns of its step loop, published versions, and its life over many steps."""
