"""Who is named and who speaks: the cases an analyst would be angry to see wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stance.actors import Reading, Resolver
from stance.config import Actor, Config, Issue, Person, Propositions
from stance.data import CONTEXT_MARK, Sentence

CONFIG = Config(
    name="test",
    actors={
        "norland": Actor(
            label="Norland",
            aliases=["Norland", "Kestrel Palace", "Norlandic officials", "Norland's foreign ministry"],
            people=[
                Person(name="Ana Bell", from_="2015-01-01", to="2016-06-30"),
                Person(name="Tom Reed", from_="2016-07-01"),
            ],
        ),
        "sudmark": Actor(label="Sudmark", aliases=["Sudmark", "Port Royal", "Sudmarkers"]),
        "us": Actor(label="United States", aliases=["US", "Washington", "the Pentagon"]),
    },
    issues={
        "base": Issue(
            label="Base", propositions=Propositions(support=["{actor} wants it"], oppose=["{actor} rejects it"])
        )
    },
)
RESOLVER = Resolver(CONFIG)
OUTSIDER = "an outsider"


def read(*texts: str, date: str = "2016-01-10", title: str = "") -> list[Reading]:
    sentences, start = [], 0
    for k, text in enumerate(texts):
        sentences.append(Sentence("a", k, start, start + len(text), text))
        start += len(text) + 1
    return RESOLVER.read(sentences, date, title)


@pytest.mark.parametrize(
    ("text", "voice"),
    [
        ("Norland said it would close the base.", "norland"),
        ("Kestrel Palace on Monday rejected the plan of Sudmark.", "norland"),
        ("The plan of Sudmark was rejected, Norlandic officials said.", "norland"),
        ("“We will never leave,” said Ana Bell, the foreign minister.", "norland"),
        ("A Pentagon spokesman told reporters that Norland had been warned.", "us"),
        ("A lawyer told reporters that Norland had been warned.", None),
        ("Sources said Norland had refused.", "norland"),
        ("US Gen John Allen said that Norland would be consulted.", "us"),
        ("Former Norland ambassador to the US Jo Marsh said that Norland had lost its way.", OUTSIDER),
        ("Jo Marsh, an analyst at the Harbour Institute, said Norland was wrong.", OUTSIDER),
        ("Peter Quill said Norland wanted the base closed.", OUTSIDER),
        ("The raid was planned in Sudmark, Norlandic officials maintain.", "norland"),
        ("The talks failed as Norland did not agree to the plan of Sudmark.", "norland"),
        ("The base that Sudmark has built will be closed, Foreign Minister Ana Bell said.", "norland"),
        ("The plan that Sudmark has drawn up will fail, Norland's army later said.", "norland"),
        ("Asked about the plan of Port Royal, Norland said it would fail.", "norland"),
        ("In a letter to Port Royal, Norland later said that it had no plan.", "norland"),
        ("It rained for three days.", None),
    ],
)
def test_whose_word_a_sentence_gives(text: str, voice: str | None) -> None:
    reading = read(text)[0]
    assert reading.voices == ({voice} - {OUTSIDER} if voice else set())
    assert reading.outsider is (voice == OUTSIDER)


@pytest.mark.parametrize(
    ("text", "present"),
    [
        ("Norland—which has denied it—rejected the plan.", {"norland"}),
        ("It was dropped—Sudmark rejected it.", {"sudmark"}),
        ("The Norland-Sudmark line was cut.", set()),
        ("The Norland–Sudmark line was cut.", set()),
        ("The Norland\u2011Sudmark line was cut.", set()),
    ],
)
def test_a_dash_parts_and_a_hyphen_joins(text: str, present: set[str]) -> None:
    assert read(text)[0].present() == present


def test_two_clauses_have_two_voices() -> None:
    reading = read("Norland said the base must close, while Port Royal insisted that it would stay.")[0]
    assert reading.voices == {"norland", "sudmark"}


def test_the_accused_is_not_heard_though_it_speaks_in_another_clause() -> None:
    reading = read("Sudmark accuses Norland of bad faith, while Norland maintains that it kept its word.")[0]
    assert reading.accused == {"norland"}
    reading = read("The US alleged in the council that Norland's foreign ministry had lied.")[0]
    assert (reading.voices, reading.accused) == ({"us"}, {"norland"})


def test_who_is_told_something_does_not_say_it() -> None:
    _, second, third = read(
        "Kestrel Palace has rejected the base.",
        "The Pentagon was told that no foreigner would be let in.",
        "“He will be told that the answer is no,” a source said.",
    )
    assert second.voices == {"norland"}
    assert [(m.actor, m.place, m.how) for m in second.mentions] == [
        ("us", "object", "named"),
        ("norland", "subject", "implied"),
    ]
    assert RESOLVER.premise(second).startswith("The Pentagon (United States) was told by Norland that")
    assert third.present() == {"norland"}


@pytest.mark.parametrize(
    ("texts", "holders"),
    [
        (["Washington told Norland that the base would close."], {"us"}),
        (["Norland promised Washington a new quay."], {"norland"}),
        (["Norland said on Monday that nobody had been asked."], {"norland"}),
        (["Ana Bell came late.", "The mayor said that the base would stay."], set()),
        (["The mayor, Ana Bell, came late.", "The mayor said that the base would stay."], {"norland"}),
        (["Ana Bell came late.", "I stood beside her and saw nothing."], set()),
        (["Norland rejects the base.", "Residents said that they wanted it."], set()),
        (["Norland rejects the base.", "Fishermen opposed it because it would cost them a bay."], set()),
        (["Norland rejects the base.", "In March it said that it would go on."], {"norland"}),
        (["Norland was asked to allow the base but refused."], {"norland"}),
        (["Norland was asked whether it would allow the base, and said no."], {"norland"}),
        (["Norland was asked to allow the base."], set()),
        (["Washington asked Norland for the base, but it refused."], {"us", "norland"}),
        (["Washington asked Norland for the base, and said that it could wait."], {"us"}),
        (["A clerk told the press Norland would never allow the base."], {"norland"}),
        (["Sudmark liked the offer Norland made."], {"sudmark", "norland"}),
        (["He had come to press Norland once more."], set()),
    ],
)
def test_who_can_hold_what_the_last_sentence_shows(texts: list[str], holders: set[str]) -> None:
    assert read(*texts)[-1].holders() == holders


@pytest.mark.parametrize(
    "text",
    [
        "According to Norland, Sudmark secretly wants the base.",
        "Norland maintains that Sudmark wants the base.",
        "Norland claims Sudmark wants the base.",
    ],
)
def test_of_whom_another_claims_something_is_accused(text: str) -> None:
    assert read(text)[0].accused == {"sudmark"}


@pytest.mark.parametrize(
    ("text", "accused"),
    [
        ("Kestrel Palace denied the allegation that Norland wants the base.", set()),
        ("Norlandic officials have firmly rejected claims that Norland wants the base.", set()),
        ("Sudmark accused Norland of wanting the base, but Kestrel Palace denied it.", set()),
        ("Sudmark accused Norland of wanting the base.", {"norland"}),
        ("Sudmark alleged that Norland had rejected the base for show.", {"norland"}),
    ],
)
def test_who_denies_a_charge_is_heard(text: str, accused: set[str]) -> None:
    assert read(text)[0].accused == accused


@pytest.mark.parametrize(
    ("text", "present"),
    [
        ("Carl Bell rejects the base.", set()),
        ("Bell rejects the base.", {"norland"}),
        ("On Monday Bell rejected the base.", {"norland"}),
        ("However, Bell rejects the base.", {"norland"}),
        ("Mayor Bell rejects the base.", {"norland"}),
    ],
)
def test_a_surname_behind_another_first_name_is_another_person(text: str, present: set[str]) -> None:
    assert read("Ana Bell came late.", text)[1].present() == present


def test_a_day_in_front_of_an_office_is_no_name() -> None:
    assert not read("Norland rejected the base.", "On Tuesday the company said that it would go.")[1].outsider


def test_a_retraction_is_seen() -> None:
    assert read("However, she later clarified that she never said so.")[0].retracts
    assert not read("Norland rejected the base.")[0].retracts
    assert not read("She did not say whether the base would close.")[0].retracts
    assert not read("Norland did not say whose base it was.")[0].retracts
    assert read("She denied having promised it.")[0].retracts
    assert not read("Norland has not offered any alternative.")[0].retracts
    assert not read("She has never told anybody about the base.")[0].retracts


def test_an_office_holder_counts_only_in_office() -> None:
    text = "Ana Bell said the base would close."
    assert read(text, date="2016-01-10")[0].voices == {"norland"}
    assert read(text, date="2016-06")[0].voices == {"norland"}
    assert read(text, date="2017-01-10")[0].present() == set()
    assert read("Tom Reed said the base would close.", date="2016-01-10")[0].present() == set()


def test_a_surname_needs_a_title_or_the_full_name_in_the_article() -> None:
    assert read("A bell rang, and Bell left.")[0].present() == set()
    assert read("Minister Bell left.")[0].present() == {"norland"}
    assert read("Ana Bell arrived.", "Bell left.")[1].present() == {"norland"}


def test_a_pronoun_and_the_official_are_carried_from_the_sentence_before() -> None:
    first, second, third = read(
        "Norland's foreign ministry spoke on Monday.", "It rejected the base.", "The ministry said no more."
    )
    assert first.voices == second.voices == third.voices == {"norland"}
    assert [m.how for m in second.mentions] == ["carried"]


def test_the_word_of_a_former_official_is_not_carried_to_the_government() -> None:
    first, second = read(
        "Former Norland ambassador Jo Marsh praised the base.", "“We should keep it,” he told this newspaper."
    )
    assert first.outsider
    assert second.present() == set()
    assert second.voices == set()


def test_both_x_and_y_accuse_z() -> None:
    reading = read("Both Norland and Sudmark accuse Washington of arming the rebels.")[0]
    places = {m.actor: m.place for m in reading.mentions}
    assert places == {"norland": "subject", "sudmark": "subject", "us": "object"}
    assert reading.accusing
    assert reading.voices == {"norland", "sudmark"}
    assert reading.accused == {"us"}


def test_both_sides_are_the_two_named_last() -> None:
    *_, last = read("The US waits.", "Norland will meet Sudmark on Friday.", "Both governments want to sign.")
    assert last.voices == {"norland", "sudmark"} == last.present()
    assert RESOLVER.premise(last) == "Both governments (Norland and Sudmark) want to sign."
    *_, told = read("Norland will meet Sudmark on Friday.", "Washington told both sides that it would wait.")
    assert told.present() == {"us"}
    *_, unclear = read("Norland, Sudmark and the US met.", "Neither side would speak.")
    assert not unclear.voices


@pytest.mark.parametrize(
    "text", ["It told us to leave.", "A Norland-based firm closed.", "The US-led force left.", "Norlanders"]
)
def test_what_only_looks_like_a_name(text: str) -> None:
    assert read(text)[0].present() == set()


def test_the_premise_tells_what_the_model_cannot_know_and_offsets_stay() -> None:
    text = "Ana Bell said Port Royal’s plan was dead, and the US agreed."
    reading = read(text)[0]
    assert (
        RESOLVER.premise(reading)
        == "Ana Bell (Norland) said Port Royal’s (Sudmark) plan was dead, and the US (United States) agreed."
    )
    assert [text[m.start : m.end] for m in reading.mentions] == ["Ana Bell", "Port Royal", "US"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("It rained.", "It rained."),
        ("It emerged that the talks had failed.", "It emerged that the talks had failed."),
        ("It emerged from the talks content.", "It (Norland) emerged from the talks content."),
    ],
)
def test_it_is_somebody_only_where_it_can_be(text: str, shown: str) -> None:
    _, second = read("Norland said that it would stay.", text)
    assert RESOLVER.premise(second) == shown


def test_a_name_that_shows_its_label_is_left_alone() -> None:
    assert RESOLVER.premise(read("Norland’s plan is dead.")[0]) == "Norland’s plan is dead."


@given(st.text(max_size=120), st.sampled_from(["Ana Bell", "NORLAND", "the Pentagon", "İstanbul ŉ US", "he said"]))
def test_any_text_is_read_with_mentions_inside_it(text: str, name: str) -> None:
    whole = f"{text} {name} {text}"
    for reading in read(whole, whole):
        for mention in reading.mentions:
            assert 0 <= mention.start < mention.end <= len(whole)
        assert RESOLVER.premise(reading)


def test_a_model_that_reads_context_gets_the_sentence_before_behind_its_mark() -> None:
    first, second = read("Norland said that it would stay.", "Its minister did not say for how long.")
    before, mark, own = RESOLVER.premise(second, first).partition(f" {CONTEXT_MARK} ")
    assert (before, mark.strip()) == ("Norland said that it would stay.", CONTEXT_MARK)
    assert own == RESOLVER.premise(second)
    long, after = read("Norland " + "and " * 200 + "left the talks.", "It rained.")
    assert len(RESOLVER.premise(after, long).split()) < 60
