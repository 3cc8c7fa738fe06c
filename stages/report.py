"""Stage `report`: everything the other stages wrote -> one self-contained HTML page."""

from _start import run
from mfsn.base.files import write_text
from mfsn.params import Stage
from mfsn.report.experiment.page import render_page
from mfsn.report.experiment.run import read_run


def report(stage: Stage) -> None:
    """Read, render, write."""
    params = stage.params
    preparation = {"corpus": params.corpus, "labels": params.labels, "prepare": params.prepare}
    page = render_page(read_run(stage.outputs, preparation))
    write_text(stage.outputs.report, page)
    print(f"report: {stage.outputs.report.relative_to(stage.outputs.workspace)}")


if __name__ == "__main__":
    run("report", report)
