from __future__ import annotations

from watchkeeper.api.v1alpha1.meta import Key
from watchkeeper.engine.turns import Turns

SUBJECT = Key("Subject", "team", "tikv")
A, B, C = (Key("ActionProposal", "team", name) for name in "abc")


def test_one_at_a_time_and_first_come_first_served() -> None:
    turns = Turns()
    woken: list[Key] = []
    with turns.take(SUBJECT, A, woken.append) as mine:
        assert mine
        for waiting in (B, C, B):
            with turns.take(SUBJECT, waiting, woken.append) as other:
                assert not other
        assert woken == []
    assert woken == [B]
    with turns.take(SUBJECT, B, woken.append) as mine:
        assert mine
    assert woken == [B, C]


def test_what_is_urgent_comes_next_however_long_the_line() -> None:
    turns = Turns()
    woken: list[Key] = []
    with turns.take(SUBJECT, A, woken.append):
        with turns.take(SUBJECT, B, woken.append):
            pass
        with turns.take(SUBJECT, C, woken.append, urgent=True):
            pass
    assert woken == [C]


def test_who_came_by_itself_is_not_woken_for_nothing() -> None:
    turns = Turns()
    woken: list[Key] = []
    with turns.take(SUBJECT, A, woken.append):
        for waiting in (B, C):
            with turns.take(SUBJECT, waiting, woken.append):
                pass
    assert woken == [B]
    with turns.take(SUBJECT, C, woken.append) as mine:
        assert mine
    assert woken == [B], "C has had its turn: nobody is in line any more"


def test_subjects_do_not_wait_for_each_other() -> None:
    turns = Turns()
    other = Key("Subject", "team", "another")
    with turns.take(SUBJECT, A, lambda key: None), turns.take(other, B, lambda key: None) as mine:
        assert mine


def test_a_failed_turn_is_given_back() -> None:
    turns = Turns()
    try:
        with turns.take(SUBJECT, A, lambda key: None):
            raise RuntimeError
    except RuntimeError:
        pass
    with turns.take(SUBJECT, B, lambda key: None) as mine:
        assert mine
