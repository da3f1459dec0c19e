"""The report as JUnit XML: a suite for each deployment, a case for each invariant."""

from xml.etree import ElementTree

from schedproof_gate.report.report import ERROR, INPUT, Report, ReportWarning, Result, Subject, Unread
from schedproof_gate.report.wording import over_words, repair_advice, warning_sentence
from schedproof_spec import Status


def render_junit(report: Report) -> str:
    """Return the XML document. Violated is a failure, undecided and vacuous are errors, as far as they count."""
    root = ElementTree.Element("testsuites", {"name": "schedproof"} | totals(report))
    for subject in report.subjects:
        root.append(suite(subject, report))
    for unread in report.unread:
        root.append(unread_suite(unread))
    if report.warnings:
        root.append(warnings_suite(report.warnings))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def totals(report: Report) -> dict[str, str]:
    """Return the totals of the document; each input that could not be read is one error."""
    found = counts(report.results, report)
    return found | {name: str(int(found[name]) + len(report.unread)) for name in ("tests", "errors")}


def unread_suite(unread: Unread) -> ElementTree.Element:
    """Return what could not be read: a suite with one case that is an error."""
    name = printable(unread.source)
    element = ElementTree.Element("testsuite", name=name, tests="1", failures="0", errors="1")
    found = ElementTree.SubElement(element, "testcase", classname=name, name=INPUT, file=printable(unread.file))
    if unread.line is not None:
        found.set("line", str(unread.line))
    problem = ElementTree.SubElement(found, "error", type=ERROR, message=printable(unread.message))
    problem.text = printable(unread.text)
    return element


def suite(subject: Subject, report: Report) -> ElementTree.Element:
    """Return one deployment."""
    element = ElementTree.Element(
        "testsuite", {"name": printable(subject.source)} | counts(subject.results, report)
    )
    properties = ElementTree.SubElement(element, "properties")
    for name, value in (("engine", subject.engine), ("policy", subject.policy)):
        ElementTree.SubElement(properties, "property", name=name, value=value)
    for result in subject.results:
        element.append(case(result, subject, report))
    return element


def case(result: Result, subject: Subject, report: Report) -> ElementTree.Element:
    """Return one result; what does not count for the exit code is told beside a case that passes."""
    element = ElementTree.Element(
        "testcase", classname=printable(subject.source), name=result.invariant, file=printable(result.file)
    )
    if result.line is not None:
        element.set("line", str(result.line))
    if result.status is Status.HELD:
        return element
    message = printable(result.message or result.sentence)
    if result.accepted is not None:
        reason = f"{result.status.value} and accepted: {result.accepted.terms}"
        ElementTree.SubElement(element, "skipped", message=printable(reason)).text = message
        return element
    details = printable("\n".join(details_of(result)))
    if not report.counts(result):
        ElementTree.SubElement(element, "system-out").text = f"{result.status.value}: {message}\n{details}"
        return element
    kind = "failure" if result.status is Status.VIOLATED else "error"
    problem = ElementTree.SubElement(element, kind, type=result.status.value, message=message)
    problem.text = details
    return element


def details_of(result: Result) -> list[str]:
    """Return what a violation does, what to change, and what shows it."""
    consequence = [] if result.consequence is None else [f"consequence: {result.consequence.value}"]
    over = "" if result.ran_out is None else over_words(result.ran_out)
    advice = [*consequence, over, repair_advice(result)]
    return list(filter(None, [*advice, *result.state, *result.run, result.replay]))


def counts(results: tuple[Result, ...], report: Report) -> dict[str, str]:
    """Return the totals that a suite carries."""
    statuses = [result.status for result in results if report.counts(result)]
    failures = sum(status is Status.VIOLATED for status in statuses)
    errors = sum(status in (Status.UNDECIDED, Status.VACUOUS) for status in statuses)
    skipped = sum(result.accepted is not None for result in results)
    totals = {"tests": str(len(results)), "failures": str(failures), "errors": str(errors)}
    return totals | ({"skipped": str(skipped)} if skipped else {})


def warnings_suite(warnings: tuple[ReportWarning, ...]) -> ElementTree.Element:
    """Return the warnings beside the findings as a suite that passes."""
    element = ElementTree.Element("testsuite", name="schedproof warnings", tests="1", failures="0", errors="0")
    passed = ElementTree.SubElement(element, "testcase", classname="schedproof", name="warnings")
    lines = (printable(warning_sentence(warning)) for warning in warnings)
    ElementTree.SubElement(passed, "system-out").text = "\n".join(lines)
    return element


def printable(text: str) -> str:
    """Return text without the control characters that XML cannot carry."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)
