"""FastDeploy's versions, one small file a pull request."""
