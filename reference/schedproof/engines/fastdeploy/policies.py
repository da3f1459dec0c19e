"""Every policy by name, oldest first, the reference last."""

from schedproof.engines.fastdeploy.policy import Policy
from schedproof.engines.fastdeploy.reference_policy import ReferencePolicy
from schedproof.engines.fastdeploy.versions.original import Original
from schedproof.engines.fastdeploy.versions.pr_7237 import Pr7237, Pr7237Draft
from schedproof.engines.fastdeploy.versions.pr_7438 import (
    BlockFloor,
    ClampToZero,
    Pr7438,
    Pr7438Draft,
    RefuseNegative,
)
from schedproof.engines.fastdeploy.versions.pr_7444 import Pr7444
from schedproof.engines.fastdeploy.versions.pr_7499 import Pr7499
from schedproof.engines.fastdeploy.versions.pr_7623 import Pr7623, Pr7623Draft
from schedproof.engines.fastdeploy.versions.pr_7756 import Pr7756
from schedproof.engines.fastdeploy.versions.pr_7981 import Pr7981
from schedproof.engines.fastdeploy.versions.pr_8009 import Pr8009
from schedproof.engines.fastdeploy.versions.pr_8022 import Pr8022

REFERENCE = ReferencePolicy()

NEWEST = Pr8022()
"""What a deployment is checked against that names no release: the newest version that `check` decides in full."""

POLICIES: dict[str, Policy] = {
    policy.name: policy
    for policy in (
        Original(),
        Pr7237Draft(),
        Pr7237(),
        Pr7438Draft(),
        Pr7438(),
        ClampToZero(),
        RefuseNegative(),
        BlockFloor(),
        Pr7499(),
        Pr7623Draft(),
        Pr7623(),
        Pr7756(),
        Pr7444(),
        Pr7981(),
        Pr8009(),
        NEWEST,
        REFERENCE,
    )
}
