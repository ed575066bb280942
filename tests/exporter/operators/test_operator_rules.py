"""Every rule is true of MNN as it is installed, the guard finds it, and what MNN gets right passes."""

from __future__ import annotations

import importlib.metadata
import platform

import pytest
from operator_models import REFUSED, RIGHT, WRONG

from deepmark.exporter.operators.guard import find_faults
from deepmark.exporter.operators.rule import MNN_VERSION
from deepmark.exporter.operators.table import RULES
from deepmark.exporter.to_mnn import CONVERTER

from .conftest import MnnRun, all_models

MODELS = dict(all_models())
WRONG_NAMES = [name for name in MODELS if name.partition("-")[0] in WRONG and name not in RIGHT]
REFUSED_NAMES = [name for name in MODELS if name.partition("-")[0] in REFUSED and name not in RIGHT]
WITHOUT_MODEL = {"5b", "7c", "8e"}  # weights in 8 bits; memory that was never written; not run at all
ON_X86 = {"1a", "1b"}  # ARM compares floats as floats


def test_the_rules_were_measured_with_the_mnn_that_is_installed() -> None:
    assert importlib.metadata.version("mnn") == MNN_VERSION


def test_every_rule_has_a_model_and_a_number_of_its_own() -> None:
    numbers = [rule.number for rule in RULES]

    assert len(numbers) == len(set(numbers))
    assert {*numbers} - WITHOUT_MODEL == {*WRONG, *REFUSED}


@pytest.mark.slow
@pytest.mark.parametrize("name", WRONG_NAMES)
def test_mnn_goes_wrong_where_a_rule_says_so(name: str, mnn_runs: dict[str, MnnRun]) -> None:
    if name.partition("-")[0] in ON_X86 and platform.machine() != "x86_64":
        pytest.skip("ARM compares floats as floats")
    assert not mnn_runs[name].right, "MNN gets this right now: take the rule out"


@pytest.mark.slow
@pytest.mark.parametrize("name", REFUSED_NAMES)
def test_the_converter_refuses_or_complains_where_a_rule_says_so(name: str, mnn_runs: dict[str, MnnRun]) -> None:
    run = mnn_runs[name]

    assert run.code is None or any(sign in run.printed for sign in CONVERTER.trouble)


@pytest.mark.slow
@pytest.mark.parametrize("name", RIGHT)
def test_mnn_is_right_beside_the_rules(name: str, mnn_runs: dict[str, MnnRun]) -> None:
    run = mnn_runs[name]

    assert run.right, (run.found, run.expected)
    assert not [sign for sign in CONVERTER.trouble if sign in run.printed]


@pytest.mark.parametrize("name", [*WRONG_NAMES, *REFUSED_NAMES])
def test_the_guard_finds_the_rule(name: str) -> None:
    number = name.partition("-")[0]
    (rule,) = (one for one in RULES if one.number == number)

    findings = find_faults(MODELS[name]().build())

    if number == "10f":  # said in the table only
        assert findings == ()
    else:
        assert (rule, not rule.by_data) in [(one.rule, one.certain) for one in findings]


@pytest.mark.parametrize("name", RIGHT)
def test_the_guard_lets_pass_what_mnn_gets_right(name: str) -> None:
    assert find_faults(RIGHT[name]().build()) == ()
