"""Command `suture explain`: a language model's words on a release, for whoever asks; kept nowhere."""

from pathlib import Path
from typing import Annotated

import typer

from schemas.errors import SettingsError
from schemas.orders import Decision, Held
from schemas.outward_words import outward_words
from streams import clock
from streams.settings import read_settings


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(explain)


def explain(
    release: Annotated[list[str], typer.Argument(help="Release id, its beginning, or SERVICE VERSION.")],
    data: Annotated[Path | None, typer.Option(help="Folder of the journal; default: SUTURE_DATA.")] = None,
) -> None:
    """Have a language model put into three sentences what is known of a release. It decides nothing."""
    from actions.explainer.question import question_of_decision, question_of_hold
    from actions.explainer.reading import read_answer
    from feature_store.telling import explained_told
    from feature_store.views import connect
    from feature_store.why import why as find_story

    settings = read_settings()
    told = settings.explainer
    if not told.is_on:
        raise SettingsError("no model is configured, expected SUTURE_LLM_URL and SUTURE_LLM_MODEL")
    try:
        from actions.explainer.model import Model
    except ModuleNotFoundError as error:
        raise SettingsError("the explainer is not installed, expected `pip install suture[llm]`") from error
    with connect((data or settings.data) / "journal") as connection:
        story = find_story(connection, " ".join(release))
    holds, decisions, verdicts = story.of(Held), story.of(Decision), story.verdicts
    question = question_of_hold(holds[-1]) if holds else None
    if question is None and decisions:
        words = outward_words(verdicts[-1]) if verdicts else decisions[-1].why
        question = question_of_decision(decisions[-1], words)
    if question is None:
        raise SettingsError(
            f"nothing was decided about {story.row.release} yet, so there is nothing to explain"
        )
    answered = Model(told.url, told.model, told.key, told.budget_s).ask(question)
    explanation = read_answer(question, answered.content, answered.model, answered.tokens, clock.now())
    typer.echo(explained_told(explanation))
