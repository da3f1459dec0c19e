"""The report as JUnit XML: a suite for each deployment, a case for each invariant."""

from xml.etree import ElementTree

from schedproof_gate.report.report import Report, Result, Subject
from schedproof_gate.report.wording import repair_advice
from schedproof_spec import Status


def render_junit(report: Report) -> str:
    """Return the XML document. Violated is a failure; undecided and vacuous are errors."""
    root = ElementTree.Element("testsuites", {"name": "schedproof"} | counts(report.results))
    for subject in report.subjects:
        root.append(suite(subject))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def suite(subject: Subject) -> ElementTree.Element:
    """Return one deployment."""
    element = ElementTree.Element("testsuite", {"name": printable(subject.source)} | counts(subject.results))
    properties = ElementTree.SubElement(element, "properties")
    for name, value in (("engine", subject.engine), ("policy", subject.policy)):
        ElementTree.SubElement(properties, "property", name=name, value=value)
    for result in subject.results:
        element.append(case(result, subject))
    return element


def case(result: Result, subject: Subject) -> ElementTree.Element:
    """Return one result."""
    element = ElementTree.Element(
        "testcase", classname=printable(subject.source), name=result.invariant, file=printable(result.file)
    )
    if result.line is not None:
        element.set("line", str(result.line))
    if result.status is Status.HELD:
        return element
    kind = "failure" if result.status is Status.VIOLATED else "error"
    problem = ElementTree.SubElement(
        element, kind, type=result.status.value, message=printable(result.message or result.sentence)
    )
    details = [*result.state]
    advice = repair_advice(result)
    if advice:
        details.append(advice)
    if result.replay:
        details.append(result.replay)
    problem.text = printable("\n".join(details))
    return element


def counts(results: tuple[Result, ...]) -> dict[str, str]:
    """Return the totals that a suite carries."""
    failures = sum(result.status is Status.VIOLATED for result in results)
    errors = sum(result.status in (Status.UNDECIDED, Status.VACUOUS) for result in results)
    return {"tests": str(len(results)), "failures": str(failures), "errors": str(errors)}


def printable(text: str) -> str:
    """Return text without the control characters that XML cannot carry."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)
