"""The leak audit: attested years, classes of evidence, planted leaks, and shares with their errors."""

import random

import numpy as np
import pytest

from assay.audit.leaks.attestation import Attestation, Dated, attest
from assay.audit.leaks.audit import audit_texts, in_words
from assay.audit.leaks.calibration import Calibration, calibrate, planted
from assay.audit.leaks.coinages import coinages
from assay.audit.leaks.evidence import COINED, ORDINARY, YEAR, Marker
from assay.audit.leaks.instrument import load_instrument, save_instrument
from assay.audit.leaks.rates import Rate, at_most, excess, per_thousand, share
from assay.audit.leaks.texts import Troubles, dated_texts, read_texts
from assay.audit.leaks.words import WINDOW, mended, prose_of, windows, words
from assay.errors import UserError
from tests.audit.leak_texts import ages, write_jsonl


def said(text):
    return [word.text for word in words(mended(text))]


def test_words_are_mended_and_lowered():
    assert said("The tele-\nphone’s bell; to-day") == ["the", "telephone", "bell", "to", "day"]
    assert said("in 1987, at 12:30, for $1950 and 1,234") == ["in", "1987", "at", "for", "and"]


def test_a_name_is_capitalised_within_a_sentence():
    found = {word.text: word.name for word in words("The man met Ahab. Starbuck came.")}
    assert found == {"the": False, "man": False, "met": False, "ahab": True, "starbuck": False, "came": False}


def test_windows_hold_every_word_once():
    text = list(words(" ".join(["word"] * 1234)))
    cut = list(windows(text))
    assert [word for window in cut for word in window] == text
    assert all(WINDOW / 2 <= len(window) <= 1.5 * WINDOW for window in cut)
    assert list(windows([])) == []


def test_code_is_set_apart_and_prose_stays_in_its_place():
    text = (
        "The engine is broken.\n\n```bash\nsed -i 's/software/x/' a.py\n```\n\n"
        "Call my_function(software) or os.path.join in /etc/passwd with --verbose now.\n\n"
        "def software(x):\n    return x\n\nThe end."
    )
    prose, code = prose_of(text)
    assert len(prose) == len(text)
    assert code == prose.count("\x00") > 60
    assert [word.text for word in words(prose)] == [
        *["the", "engine", "is", "broken", "call", "or", "in", "with", "now", "the", "end"]
    ]


def test_a_text_is_not_attested_by_its_own_source():
    texts = [
        Dated("a", "one", 1850, "gizmo and whale " * 30),
        Dated("b", "two", 1860, "whale and ship " * 30),
        Dated("c", "three", 1999, "gizmo and whale " * 30),
    ]
    table = attest(texts, 1931)
    assert table.first_year("gizmo") == 1850
    assert table.first_year("gizmo", frozenset({"one"})) == 1999
    assert table.first_year("whale", frozenset({"one"})) == 1860
    assert table.first_year("zebra") is None
    marker = Marker(table, {})
    names = {mark.term: mark.name for mark in marker.marks(list(words("gizmo whale")), frozenset({"one"}))}
    assert names["gizmo"].startswith("word, first seen after")
    assert names["whale"] == ORDINARY
    assert {mark.name for mark in marker.marks(list(words("gizmo whale")))} == {ORDINARY}


def test_a_pair_owed_to_the_source_that_is_left_out_says_nothing():
    late = [Dated(f"l{n}", "left", 1990, "a grand opening of the blue widget") for n in range(9)]
    other = [Dated(f"o{n}", "other", 1991, "of the ships") for n in range(60)]
    early = [Dated("e", "early", 1850, "the grand blue widget and an opening of ships")]
    table = attest([*late, *other, *early], 1931)
    assert "grand opening" in table.place
    marker = Marker(table, {})
    text = list(words("grand opening"))
    assert any(mark.name.startswith("pair") for mark in marker.marks(text))
    assert not any(mark.name.startswith("pair") for mark in marker.marks(text, frozenset({"left"})))


def test_coinages_and_years_are_marked_unless_printed_before():
    texts = [
        *(Dated(f"a{n}", "one", 1850, "the world bank of the river " * 30) for n in range(3)),
        Dated("b", "two", 1990, "the radar and the ship " * 30),
    ]
    pairs = frozenset({"world bank"})
    table = attest(texts, 1931, always=pairs)
    marker = Marker(table, {("radar",): 1935, ("world", "bank"): 1945, ("united", "nations"): 1945, ("old",): 1900})
    found = {mark.term: mark.name for mark in marker.marks(list(words("old radar, United Nations in 1987 or 1887")))}
    assert found["radar"] == found["united nations"] == COINED
    assert found["1987"] == YEAR
    assert "1887" not in found
    again = Marker(table, {("world", "bank"): 1945})
    assert COINED not in {mark.name for mark in again.marks(list(words("world bank")))}


def test_the_table_is_read_back_as_it_was(tmp_path):
    texts, _, _ = ages(documents=3, words=400)
    table = attest(texts, 1931)
    table.save(tmp_path / "t.npz")
    back = Attestation.load(tmp_path / "t.npz")
    assert back.terms == table.terms
    assert back.strata == table.strata
    assert np.array_equal(back.counts_TS, table.counts_TS)
    assert np.array_equal(back.first_TS, table.first_TS)
    (tmp_path / "t.npz").write_bytes(b"no table")
    with pytest.raises(UserError, match="no table of attested years"):
        Attestation.load(tmp_path / "t.npz")


def test_one_sided_texts_are_refused():
    with pytest.raises(UserError, match="no text is dated from 1931"):
        attest([Dated("a", "one", 1850, "whale")], 1931)


@pytest.fixture(scope="module")
def instrument():
    texts, old, new = ages()
    table = attest(texts, 1931)
    classifier, found = calibrate(texts, table, {}, each=25, plants=90, seed=1)
    return texts, old, new, classifier, found, table


def test_longer_leaks_are_found_more_often(instrument):
    *_, found, _ = instrument
    recall = {row.words: row.rate for row in found.recall}
    assert recall[200].low > 0.8
    assert recall[1].high < recall[50].low
    assert found.false_positives.low <= 0.02
    assert all(row.rate.n == 90 for row in found.recall)


def test_clean_text_is_told_from_leaked_text_with_reasons(instrument):
    texts, _, new, classifier, found, _ = instrument
    clean = audit_texts([t for t in texts if t.year < 1931], classifier, found, "early")
    leaked = audit_texts([t for t in texts if t.year > 1931], classifier, found, "late")
    assert not clean.leaks[-1].distinct
    assert clean.leaks[-1].at_most < 0.2
    assert "not told from clean" in in_words(clean, found)
    assert leaked.leaks[-1].distinct
    assert leaked.leaks[-1].rate.low > 0.7
    assert "it holds later text" in in_words(leaked, found)
    assert {reason.term for flag in leaked.flags for reason in flag.reasons} <= set(new)
    assert all(reason.first is None or reason.first >= 1931 for flag in leaked.flags for reason in flag.reasons)
    assert dict(clean.by_collection).keys() == {"early_one", "early_two", "early_three"}


def test_a_planted_passage_is_the_flagged_one(instrument):
    texts, old, new, classifier, found, _ = instrument
    host = list(words(texts[0].text))[:WINDOW]
    leak = list(words(" ".join(new[:30])))
    window = planted(host, leak, 30, random.Random(0))
    judged = classifier.judge(window, frozenset({texts[0].source}))
    assert len(window) == WINDOW
    assert judged.score > found.threshold
    assert {mark.term for mark in judged.marks} >= set(new[:20])
    assert {window[at].text for at in range(judged.first, judged.last + 1)} <= set(new[:30]) | set(old)


def test_calibration_is_the_same_again_and_is_kept(instrument, tmp_path):
    texts, _, _, classifier, found, table = instrument
    assert calibrate(texts, table, {}, each=25, plants=90, seed=1)[1] == found
    save_instrument(tmp_path, table, found)
    again, read = load_instrument(tmp_path)
    assert read == found
    text = next(t for t in texts if t.year > 1931)
    assert audit_texts([text], again, read, "x") == audit_texts([text], classifier, found, "x")
    with pytest.raises(UserError, match="no calibration"):
        load_instrument(tmp_path / "absent")


def rate(estimate, low, high):
    return Rate(estimate=estimate, low=low, high=high, n=1000)


def test_excess_takes_false_positives_off_and_recall_in():
    found = excess(rate(0.30, 0.28, 0.32), rate(0.01, 0.005, 0.02), rate(0.90, 0.88, 0.92))
    assert found.estimate == pytest.approx(0.29 / 0.89, abs=1e-4)
    assert 0.28 < found.low < found.estimate < found.high < 0.37
    none = excess(rate(0.01, 0.006, 0.015), rate(0.01, 0.005, 0.02), rate(0.90, 0.88, 0.92))
    assert none.low < 0 < none.high
    assert at_most(rate(0.01, 0.0, 0.015), rate(0.9, 0.75, 1.0)) == pytest.approx(0.02)


def test_excess_covers_the_truth():
    """Of many simulated audits the interval holds the true share nearly 95 of 100 times."""
    rng = np.random.default_rng(0)
    truth, false, recall = 0.1, 0.02, 0.8
    held = 0
    for _ in range(120):
        flagged = share(list(rng.random(290) < truth * recall + (1 - truth) * false), [str(n) for n in range(290)])
        wrong = share(list(rng.random(290) < false), [str(n) for n in range(290)])
        right = share(list(rng.random(290) < recall), [str(n) for n in range(290)])
        found = excess(flagged, wrong, right)
        held += found.low <= truth <= found.high
    assert held >= 107


def test_shares_count_documents_not_windows():
    """Forty windows of two documents say less than forty of forty."""
    hits = [True] * 20 + [False] * 20
    few = share(hits, ["a"] * 20 + ["b"] * 20)
    many = share(hits, [str(n) for n in range(40)])
    assert few.high - few.low > 1.5 * (many.high - many.low)
    assert few.n == many.n == 40
    assert per_thousand(0, 1000).high == pytest.approx(3.69, abs=0.01)


def test_rows_that_cannot_be_read_are_named_and_counted(tmp_path):
    texts, _, _ = ages(documents=1, words=100)
    path = write_jsonl(tmp_path / "t.jsonl", texts)
    path.write_bytes(path.read_bytes() + b'{"text": 3}\nno json\n{"text": "no year"}\n\xff\xfe\n')
    troubles = Troubles()
    assert len(dated_texts([path], troubles)) == len(texts)
    assert troubles.count == 4
    assert f"line {len(texts) + 2}" in troubles.first[1]
    with pytest.raises(UserError, match="is no corpus"):
        list(read_texts(tmp_path / "absent", troubles))


def test_rows_without_a_source_are_judged_by_other_folds(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text("".join(f'{{"text": "whale number {n}", "year": 1850}}\n' for n in range(60)))
    sources = {text.source for text in read_texts(path, Troubles())}
    assert 5 < len(sources) <= 20


def test_our_list_of_coinages_is_whole(tmp_path):
    found = coinages()
    assert len(found) > 800
    assert sum(year >= 1931 for year in found.values()) > 600
    assert found["radar",] == 1935
    assert all(1500 < year < 2030 for year in found.values())
    broken = tmp_path / "c.txt"
    broken.write_text("1945: atomic bomb\n1961: catch 22 of the 33\n")
    with pytest.raises(UserError, match="Line 2"):
        coinages(broken)


def test_the_shipped_instrument_fits_its_table():
    classifier, found = load_instrument()
    assert isinstance(found, Calibration)
    assert found.cutoff == classifier.marker.cutoff == 1931
    text = "The software of the computer was put on the website by a programmer with a laptop, and sent by e-mail."
    judged = classifier.judge(list(words(text)))
    assert judged.score > found.threshold
    terms = {reason.term: reason for reason in classifier.reasons(judged)}
    assert terms["software"].coined == 1958
    clean = "Call me Ishmael. Some years ago, having little money in my purse, I thought I would sail about a little."
    assert classifier.judge(list(words(clean))).score <= found.threshold


def test_a_table_of_very_many_sources_is_read_as_it_was_written(tmp_path):
    texts = [
        Dated(id=f"{year}-{n}", text=f"the mill number{n} turned", year=year, source=f"s{n}/{year}")
        for n in range(300)
        for year in (1900, 1950)
    ]
    made = attest(texts, 1931, always=frozenset())
    made.save(tmp_path / "many.npz")
    found = Attestation.load(tmp_path / "many.npz")
    assert found.strata == made.strata
    assert (found.counts_TS == made.counts_TS).all()
    assert (found.first_TS == made.first_TS).all()
    (tmp_path / "cut.npz").write_bytes((tmp_path / "many.npz").read_bytes()[:400])
    with pytest.raises(UserError, match="no table of attested years"):
        Attestation.load(tmp_path / "cut.npz")
