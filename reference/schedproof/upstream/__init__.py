"""Published versions of FastDeploy's rules, and what reviewers suggested; each file is what one of them changed."""
