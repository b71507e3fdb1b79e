"""Commands for the ad macros of features: set, unset, list."""

from typing import Annotated

import typer

from rtb_optimizer.cli import completion, terminal
from rtb_optimizer.cli.terminal import AsJson, console
from rtb_optimizer.store import configs, connections, entities, macros, seeds

app = typer.Typer(
    help="The ad macro of each feature, by format. Set those of columns with names of your own:\n\n"
    "`rtb macros set slot_id xandr '${TAG_ID}'`\n\n"
    "They hold for all entities; the config key `macro_templates` holds for one, and takes precedence.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

Feature = Annotated[str, typer.Argument(help="Column of the logs, by its name there.")]
Format = Annotated[
    str, typer.Argument(metavar="FORMAT", help="Macro format, as xandr.", autocompletion=completion.macro_formats)
]


@app.command("set")
def set_template(
    feature: Feature,
    macro_format: Format,
    template: Annotated[str, typer.Argument(help="The platform's macro, in single quotes: '${TAG_ID}'.")],
) -> None:
    """Give a column its macro in a format. It is checked against the format's syntax; the next runs use it."""
    with connections.session() as session:
        meant = macros.set_template(session, feature, macro_format, template)
        session.commit()
    console.print(f"{macro_format}: {feature} is {template}; the next run of every entity uses it")
    if meant:
        terminal.print_progress(f"{macro_format} is not known to have this macro: was {meant} meant?")


@app.command()
def unset(feature: Feature, macro_format: Format) -> None:
    """Remove the macro that was set for a column; a column that the product knows has its own again."""
    with connections.session() as session:
        seeded = macros.unset_template(session, feature, macro_format)
        session.commit()
    console.print(f"{macro_format}: {feature} " + (f"is {seeded} again" if seeded else "has no macro any more"))


@app.command("list")
def list_templates(
    macro_format: Annotated[
        str, typer.Option("--format", help="Of this format alone.", autocompletion=completion.macro_formats)
    ] = "",
    entity_code: Annotated[
        str,
        typer.Option("--entity", help="As this entity has them.", autocompletion=completion.entity_codes),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Show the macro of each column by format: seeded, set for all entities, or of the entity's own key."""
    if macro_format:
        seeds.dialect(macro_format)  # or there is no such format
    with connections.session() as session:
        own = configs.macro_templates(session, entities.find(session, entity_code)) if entity_code else {}
        rows = macros.template_rows(session, own)
    listed = [row for row in rows if macro_format in ("", row["format"])]
    columns = ("format", "feature", "template", "origin")
    terminal.print_table(listed, columns, as_json=as_json, empty="no column has a macro in this format")
