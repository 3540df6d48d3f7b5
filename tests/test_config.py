"""A topic is loaded as written, or refused with file and line; what is legal but unwise is remarked on."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from stance.config import Actor, Config, Issue, Person, Propositions, lint, load_config, propositions
from stance.errors import ConfigError

GOOD = """\
name: rivers
description: Who wants the dam
actors:
  upland:
    label: Upland
    aliases: [Upland, Hill House]
    people:
      - {name: Ada Quill, from: 2017-08, to: 2018-04-26}
      - name: Bo Reed
        from: 2018
  no:
    label: Lowland
    aliases:
      - Lowland
issues:
  dam:
    label: The dam
    propositions:
      support: ["{actor} wants the dam"]
      oppose: ["{actor} rejects the dam"]
  toll:
    label: River toll
    actors: [no]
    propositions:
      support:
        - "{actor} backs the toll"
      oppose:
        - "{actor} opposes the toll"
"""


def load(folder: Path, text: str | bytes) -> Config:
    path = folder / "topic.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return load_config(path)


def fault(folder: Path, text: str | bytes) -> list[str]:
    """The lines of the refusal, without the folder."""
    with pytest.raises(ConfigError) as caught:
        load(folder, text)
    return [line.removeprefix(f"{folder}/") for line in str(caught.value).split("\n")]


def test_a_topic_is_loaded_as_it_was_written(tmp_path: Path) -> None:
    config = load(tmp_path, GOOD)
    assert list(config.actors) == ["upland", "no"]  # YAML would have read `no` as false, 2018 as a number.
    assert [(p.name, p.from_, p.to) for p in config.actors["upland"].people] == [
        ("Ada Quill", "2017-08", "2018-04-26"),
        ("Bo Reed", "2018", None),
    ]
    assert [(p.actor, p.issue, p.side, p.text) for p in propositions(config)] == [
        ("upland", "dam", "support", "Upland wants the dam"),
        ("upland", "dam", "oppose", "Upland rejects the dam"),
        ("no", "dam", "support", "Lowland wants the dam"),
        ("no", "dam", "oppose", "Lowland rejects the dam"),
        ("no", "toll", "support", "Lowland backs the toll"),
        ("no", "toll", "oppose", "Lowland opposes the toll"),
    ]
    assert lint(config) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "    people:\n",
            "    peoples:\n",
            "7: actors.upland.peoples: unknown key; did you mean 'people'?; known keys: label, aliases, people",
        ),
        ("name: rivers\n", "", "1: 'name' is missing; expected the keys name, description, actors, issues"),
        ("label: Upland", "label:", "5: actors.upland.label: found nothing, expected text"),
        ("[Upland, Hill House]", "[]", "6: actors.upland.aliases: found nothing, expected at least one entry"),
        (
            "[Upland, Hill House]",
            "Upland",
            "6: actors.upland.aliases: found 'Upland', expected a list (['Upland'] or one entry a line behind a dash)",
        ),
        (
            "  no:\n",
            "  Low Land:\n",
            "11: actors.Low Land: found 'Low Land', expected an id: a small letter, then small letters, "
            "digits or _, e.g. joint_operations",
        ),
        ("  no:\n", "  upland:\n", "11: actors.upland: 'upland' is there already (line 4); rename one"),
        ("  toll:\n", "  dam:\n", "21: issues.dam: 'dam' is there already (line 16); rename one"),
        (
            "from: 2018\n",
            "from: 2018-13\n",
            "10: actors.upland.people.1.from: '2018-13' is not in the calendar; correct the month or the day",
        ),
        (
            "from: 2018\n",
            "from: last year\n",
            "10: actors.upland.people.1.from: 'last year' is no date; write it as 2017-08-04, 2017-08 or 2017",
        ),
        (
            "to: 2018-04-26",
            "to: 2017-07",
            "8: actors.upland.people.0: Ada Quill is in office to 2017-07, before 2017-08; correct one of the dates",
        ),
        (
            "actors: [no]",
            "actors: [lowland, no]",
            "23: issues.toll.actors.0: unknown actor 'lowland'; did you mean 'upland'?; known actors: upland, no",
        ),
        ("actors: [no]", "actors: [no, no]", "23: issues.toll.actors.1: 'no' is in the list already; take one out"),
        (
            "{actor} backs",
            "It backs",
            "26: issues.toll.propositions.support.0: 'It backs the toll' names no holder; put {actor} where "
            "the actor's label belongs",
        ),
        (
            "backs the toll",
            "backs {issue}",
            "26: issues.toll.propositions.support.0: '{actor} backs {issue}' has braces other than {actor}; "
            "take them out",
        ),
        (
            '      oppose: ["{actor} rejects the dam"]\n',
            "",
            "18: issues.dam.propositions: 'oppose' is missing; expected the keys support, oppose",
        ),
        (
            "backs the toll",
            "wants  the DAM",
            "26: issues.toll.propositions.support.0: '{actor} wants  the DAM' is there already (line 19); "
            "reword or take out one",
        ),
        (
            "      - Lowland\n",
            "      - hill house\n",
            "14: actors.no.aliases.0: 'hill house' stands for upland already (line 6); only people with dates"
            " may stand for two actors: take one out",
        ),
        (
            "label: Lowland",
            "label: Upland",
            "12: actors.no.label: 'Upland' stands for upland already (line 5); only people with dates may "
            "stand for two actors: take one out",
        ),
        (
            '- "{actor} backs the toll"',
            "- {actor}",
            "26: issues.toll.propositions.support.0: found a mapping, expected text (in quotation marks where"
            " it begins with a brace or holds a colon)",
        ),
    ],
)
def test_a_fault_is_one_line_with_file_and_line(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in GOOD
    assert fault(tmp_path, GOOD.replace(old, new, 1)) == [f"topic.yaml:{expected}"]


def test_every_fault_is_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = GOOD.replace("label: Upland", "lable: Upland").replace("backs the toll", "backs {x}")
    assert [line.split(": ")[0] for line in fault(tmp_path, text)] == ["topic.yaml:4", "topic.yaml:5", "topic.yaml:26"]


def test_a_template_without_quotation_marks_is_explained(tmp_path: Path) -> None:
    (line,) = fault(tmp_path, GOOD.replace('"{actor} backs the toll"', "{actor} backs the toll"))
    assert line.startswith("topic.yaml:26: is not YAML")
    assert line.endswith('put quotation marks around templates that begin with {actor}: "{actor} accepts ..."')


def test_what_is_no_config_at_all_is_refused_in_one_line(tmp_path: Path) -> None:
    assert fault(tmp_path, "")[0].startswith("topic.yaml: is empty; expected the keys name,")
    assert fault(tmp_path, "# nothing\n")[0].startswith("topic.yaml: is empty")
    assert fault(tmp_path, "just words\n") == ["topic.yaml:1: found 'just words', expected a mapping (key: value)"]
    assert fault(tmp_path, "- a\n") == ["topic.yaml:1: found a list, expected a mapping (key: value)"]
    assert fault(tmp_path, GOOD.encode() + b"\xff\xfe") == ["topic.yaml:29: is not UTF-8; save the file as UTF-8"]
    assert fault(tmp_path, b"\x00\x01") == [
        "topic.yaml: is not YAML (special characters are not allowed); name a YAML file as in configs/"
    ]
    assert fault(tmp_path, "name: x\nactors: [\n")[0].startswith("topic.yaml:3: is not YAML")
    for ending in ("nowhere.yaml", ""):
        with pytest.raises(ConfigError, match=r"cannot be read \(.+\); name a YAML file as in configs/$"):
            load_config(tmp_path / ending)


@pytest.mark.parametrize("text", ["name: &a [*a]\n", "[" * 1500, "name: &a {b: *a}\n"])
def test_a_file_that_never_ends_does(tmp_path: Path, text: str) -> None:
    assert fault(tmp_path, text)


def test_a_person_may_change_sides_only_with_dates(tmp_path: Path) -> None:
    moved = GOOD.replace("      - Lowland\n", "      - Lowland\n    people: [{name: Bo Reed, to: 2017}]\n")
    assert load(tmp_path, moved).actors["no"].people[0].to == "2017"
    assert "Bo Reed" in fault(tmp_path, moved.replace(", to: 2017", ""))[0]


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    assert load(tmp_path, b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode()) == load(tmp_path, GOOD)


@settings(max_examples=50)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_whatever_the_file_holds_it_is_loaded_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(text, encoding="utf-8", newline="")
    with pytest.raises(ConfigError):
        load_config(path)


@settings(max_examples=50)
@given(st.recursive(st.none() | st.text("ab{}", max_size=5), lambda s: st.lists(s) | st.dictionaries(st.sampled_from(
    ["name", "actors", "issues", "label", "aliases", "people", "propositions", "support", "oppose", "from", "x"]
), s)))  # fmt: skip
def test_no_shape_makes_a_traceback(tmp_path_factory: pytest.TempPathFactory, tree: object) -> None:
    path = tmp_path_factory.getbasetemp() / "shape.yaml"
    path.write_text(yaml.safe_dump(tree), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"shape\.yaml"):
        load_config(path)


def topic(support: list[str], oppose: list[str], **more: Actor) -> Config:
    sides = Propositions(support=support, oppose=oppose)
    actors = {"a": Actor(label="Upland", aliases=["Upland"]), **more}
    return Config(name="t", actors=actors, issues={"i": Issue(label="I", propositions=sides)})


@pytest.mark.parametrize(
    ("support", "oppose", "expected"),
    [
        (["{actor} wants x", "{actor} backs x"], ["{actor} rejects x"], "issues.i: 2 propositions support and 1"),
        (["{actor} wants x and y"], ["{actor} rejects x"], "support.0: '{actor} wants x and y' may hold two claims"),
        (["{actor} wants x; y"], ["{actor} rejects x"], "may hold two claims (';')"),
        (["{actor} does not reject x"], ["{actor} rejects x"], "denies twice ('not', 'reject')"),
        (
            ["{actor} does not want y"],
            ["{actor} does not want x"],
            "issues.i: both sides deny something ('{actor} does not want y'",
        ),
        (["{actor} wants x" + " very" * 40], ["{actor} rejects x"], "has 43 words"),
        (["{actor} says Upland opposes x"], ["{actor} rejects x"], "gives the view of Upland (a)"),
        (["{actor} wants the x"], ["{actor} wants x."], "have the same words"),
    ],
)
def test_templates_are_linted(support: list[str], oppose: list[str], expected: str) -> None:
    (remark,) = lint(topic(support, oppose))
    assert expected in remark


def test_names_are_linted() -> None:
    reed = {"a": ("Ann Reed", "2016", "2017"), "b": ("Bo Reed", "2017-05", None), "c": ("Cy Reed", "2018", None)}
    people = {k: [Person(name=n, from_=f, to=t)] for k, (n, f, t) in reed.items()}
    config = topic(
        ["{actor} backs pacts of India and Nepal"],
        ["{actor} rejects pacts of India and Nepal"],
        a=Actor(label="Upland", aliases=["Upland", "the government", "US"], people=people["a"]),
        b=Actor(label="Upland Bank", aliases=["Upland Bank"], people=[*people["b"], Person(name="Di Moss")]),
        c=Actor(label="C", aliases=["C"], people=people["c"]),
    )
    issue = config.issues["i"].model_copy(update={"actors": ["a", "b"]})
    assert lint(config.model_copy(update={"issues": {"i": issue}})) == [
        "actors.a.aliases.0: 'Upland' is part of 'Upland Bank' (b); the longer name wins there",
        "actors.a.aliases.1: 'the government' may be anybody's; say whose",
        "actors.b.people: no dates for Di Moss; they will count as in office for ever",
        "actors.c: no issue concerns it; add it to one or take it out",
        "actors.a.people: Ann Reed and Bo Reed (b) are both Reed, at the same time",
        "actors.b.people: Bo Reed and Cy Reed (c) are both Reed, at the same time",
    ]
