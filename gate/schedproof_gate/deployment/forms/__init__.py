"""The forms in which people keep deployments, one a file. A new form is its file and its line in `FORMS`."""

from schedproof_gate.deployment.forms import (
    compose,
    deployment_keys,
    dockerfile,
    dynamo,
    engine_config,
    kserve,
    kubernetes,
    llm_d,
    script,
    srt_slurm,
    tensorrt_llm,
    unsupported,
)
from schedproof_gate.deployment.parts import Form

FORMS: tuple[Form, ...] = (
    deployment_keys.FORM,
    dynamo.FORM,
    kserve.FORM,
    llm_d.FORM,
    unsupported.FORM,
    kubernetes.FORM,
    compose.FORM,
    srt_slurm.FORM,
    tensorrt_llm.FORM,
    engine_config.FORM,
    dockerfile.FORM,
    script.FORM,
)
"""The first form that recognises a document reads it."""
