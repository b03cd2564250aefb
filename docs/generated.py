"""Pages that are made while the documentation is built: every command, as `mtl --help` tells it."""

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from typer.cli import get_docs_for_click
from typer.main import get_command

from mtl_flows.cli.app import app


def commands_page() -> str:
    """The page of all commands, as Markdown."""
    command = get_command(app)
    with command.make_context("mtl", [], resilient_parsing=True) as context:
        return get_docs_for_click(obj=command, ctx=context, name="mtl", title="Every command")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what is not kept."""
    files.append(File.generated(config, "reference/commands.md", content=commands_page()))
    return files
