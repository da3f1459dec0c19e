"""Which engine a command starts, if any: one that is modelled, or one that is only known by name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from schedproof_gate.deployment.engines import ENGINES
from schedproof_gate.deployment.launch import Argument
from schedproof_gate.deployment.settings import Engine

NOT_MODELLED = {
    "vllm": re.compile(
        r"(^| )((\S*/)?vllm serve|(-m |\S*)vllm[./]entrypoints[./]\S*api_server(\.py)?|-m dynamo\.vllm)( |$)"
    ),
    "sglang": re.compile(
        r"(^| )((\S*/)?sglang serve|-m sglang\.launch_server|-m dynamo\.sglang|\S*sglang/launch_server\.py)( |$)"
    ),
    "tensorrt-llm": re.compile(r"(^| )((\S*/)?trtllm-serve|-m dynamo\.trtllm)( |$)"),
}
"""How engines that schedproof recognises, and has no rules for, are started."""

TITLES = {"vllm": "vLLM", "sglang": "SGLang", "tensorrt-llm": "TensorRT-LLM"}
"""How these engines write their names."""

IMAGES = {
    "vllm": re.compile(r"(^|/)vllm-openai(\W|$)|^vllm/"),
    "fastdeploy": re.compile(r"fastdeploy", re.IGNORECASE),
}
"""Images whose command is the engine, so that arguments alone are its flags."""

NOT_STARTING = re.compile(
    r"\[|\[\[|apt|apt-get|cat|cd|chmod|chown|cp|curl|echo|export|false|find|git|e?grep|help|hf|kill|killall|ln|ls|man"
    r"|mkdir|mv|pgrep|pip3?|pkill|printf|ps|read|rm|sed|sleep|tail|test|touch|trap|true|type|wget|which"
)
"""Commands that name an engine without starting it."""

CONTAINER_TOOLS = {"docker", "podman", "nerdctl"}

MAX_WORD_LENGTH = 300
MAX_WORDS = 200
"""Words of a command within which the engine's name is looked for."""

MENTION = re.compile(r"fastdeploy|vllm|sglang|trtllm|tensorrt.llm", re.IGNORECASE)
"""What a file that starts an engine says somewhere."""


@dataclass(frozen=True, slots=True)
class OtherEngine:
    """An engine that is known by name alone."""

    name: str


def started(arguments: tuple[Argument, ...]) -> Engine | OtherEngine | None:
    """Return the engine that a command starts; a command that begins with a flag is an engine's flags."""
    if not arguments or NOT_STARTING.fullmatch(PurePosixPath(arguments[0].text).name):
        return None
    name = PurePosixPath(arguments[0].text).name
    if name in CONTAINER_TOOLS and any(IMAGES["vllm"].search(argument.text) for argument in arguments[:MAX_WORDS]):
        return ENGINES.get("vllm") or OtherEngine("vllm")
    words = " ".join(argument.text[:MAX_WORD_LENGTH] for argument in arguments[:MAX_WORDS])
    for name, pattern in NOT_MODELLED.items():
        if name not in ENGINES and pattern.search(words):
            return OtherEngine(name)
    found = (engine for engine in ENGINES.values() if engine.launch_arguments(arguments) is not None)
    return next(found, None)


def started_by_image(image: str, default: str) -> Engine | OtherEngine | None:
    """Return the engine whose flags are the arguments of a container without a command."""
    named = [name for name, pattern in IMAGES.items() if pattern.search(image)] or [default] * bool(default)
    if not named:
        return None
    return ENGINES.get(named[0]) or OtherEngine(named[0])
