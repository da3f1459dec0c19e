"""A hook of mkdocs: what a page links to outside ``docs/`` becomes a page too, and the site needs no other host.

Markdown stays Markdown, a folder is its README or a list of its files, and any other text a block of code. Links
are followed from the pages of ``docs/`` on, and from those that are added.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
DOCS = "docs/"
ADDED = "files/"
"""Where the added pages are on the site."""

LINK = re.compile(r"(?<=\]\()(?!\w+:|#|/)(?P<path>[^)\s#]+)(?P<anchor>#[^)\s]*)?(?=\))")
CODE = re.compile(r"^(?P<fence>```+).*?^(?P=fence)\s*$|`[^`\n]+`(?!\])", re.DOTALL | re.MULTILINE)
LANGUAGES = {".py": "python", ".sh": "sh", ".yaml": "yaml", ".yml": "yaml", ".toml": "toml", ".json": "json"}
HIDDEN = "---\nsearch: {exclude: true}\nhide: [toc]\n---\n\n"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each file of the repository that a page links to."""
    texts = {DOCS + file.src_uri: file.content_string for file in files.documentation_pages()}
    waiting = list(texts)
    while waiting:
        path = waiting.pop()
        for target in sorted(targets(texts[path], path) - texts.keys()):
            if not target.startswith(DOCS):
                texts[target] = content_of(target)
                files.append(File.generated(config, page_of(target), content=texts[target]))
                waiting.append(target)
    return files


def on_page_markdown(markdown: str, /, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let a page's links lead to the added pages."""
    path = source_of(page.file.src_uri)
    here = str(PurePosixPath(page.file.src_uri).parent)
    return with_links(markdown, lambda link: relpath(page_of(target_of(link, path)), here) + (link["anchor"] or ""))


def targets(text: str, path: str) -> set[str]:
    """Return what a text links to, from the root of the repository.

    Raises:
        PluginError: there is no such file.
    """
    found: set[str] = set()

    def note(link: re.Match[str]) -> str:
        found.add(target_of(link, path))
        return link.group()

    with_links(text, note)
    return found


def target_of(link: re.Match[str], path: str) -> str:
    """Return what a link leads to, from the root of the repository; of a folder, its README if it has one.

    Raises:
        PluginError: there is no such file.
    """
    target = normpath(f"{PurePosixPath(path).parent}/{link['path']}")
    if not (ROOT / target).exists():
        raise PluginError(f"{path} links to {link['path']}, and there is no {target}")
    return f"{target}/README.md" if (ROOT / target / "README.md").exists() else target


def with_links(text: str, changed: Callable[[re.Match[str]], str]) -> str:
    """Return text with each relative link changed, but for what stands in code."""
    parts, end = [], 0
    for code in CODE.finditer(text):
        parts += [LINK.sub(changed, text[end : code.start()]), code.group()]
        end = code.end()
    return "".join([*parts, LINK.sub(changed, text[end:])])


def page_of(path: str) -> str:
    """Return the page of the site for a file of the repository."""
    if path.startswith(DOCS):
        return path.removeprefix(DOCS)
    return f"{ADDED}{path}" if path.endswith(".md") else f"{ADDED}{path}.md"


def source_of(page: str) -> str:
    """Return the file of the repository behind a page of the site."""
    if not page.startswith(ADDED):
        return DOCS + page
    path = page.removeprefix(ADDED)
    return path if (ROOT / path).exists() else path.removesuffix(".md")


def content_of(path: str) -> str:
    """Return a file, or a list of the files of a folder, as Markdown."""
    if path.endswith(".md"):
        return (ROOT / path).read_text(encoding="utf-8")
    if (ROOT / path).is_dir():
        names = sorted(each.name for each in (ROOT / path).iterdir() if not each.name.startswith((".", "__")))
        here = PurePosixPath(path).name
        return f"{HIDDEN}# {path}\n\n" + "".join(f"- [{name}]({here}/{name})\n" for name in names)
    fence, text = "~~~~", (ROOT / path).read_text(encoding="utf-8")
    return f"{HIDDEN}# {path}\n\n{fence}{LANGUAGES.get(PurePosixPath(path).suffix, 'text')}\n{text}{fence}\n"
