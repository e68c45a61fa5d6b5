"""Modules and functions stay small; the report is printed with `pytest -s` and by `make check`."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from house.sizes import measure, oversized, table
from house.sources import Module, listing

Plant = Callable[[Mapping[str, str]], Sequence[Module]]


def test_nothing_is_above_a_hard_limit(root: Path, sources: dict[str, list[Module]]) -> None:
    sizes = [(name, measure(modules)) for name, modules in sources.items()]

    print("\n" + "\n".join(table(sizes, root)))

    found = listing(finding for _, size in sizes for finding in oversized(size))

    assert not found, found


def test_a_long_module_is_found(plant: Plant) -> None:
    modules = plant({"p/fits.py": "x = 1\n" * 400, "p/long.py": "x = 1\n" * 401})

    assert [finding.path.name for finding in oversized(measure(modules))] == ["long.py"]


def test_a_module_above_the_wanted_size_is_named_in_the_report(plant: Plant, tmp_path: Path) -> None:
    sizes = measure(plant({"p/longish.py": "x = 1\n" * 301}))

    assert "long module: src/p/longish.py: 301 lines" in "\n".join(table([("p", sizes)], tmp_path))


def test_a_long_function_is_found_unless_its_docstring_gives_the_reason(plant: Plant) -> None:
    body = "    x = 1\n" * 60
    modules = plant(
        {"p/a.py": f'def bare():\n{body}\ndef reasoned():\n    """Sets x.\n\n    Size: one table.\n    """\n{body}'}
    )

    assert [finding.text.split(":")[0] for finding in oversized(measure(modules))] == ["bare"]


def test_a_docstring_does_not_count_as_length(plant: Plant) -> None:
    text = '"""Says much.\n' + "\n    more\n" * 40 + '    """'

    (function,) = measure(plant({"p/a.py": f"def f():\n    {text}\n    return 1\n"})).functions

    assert function.lines == 2


def test_many_parameters_are_found_but_not_the_flags_of_a_command(plant: Plant) -> None:
    modules = plant(
        {
            "p/a.py": "def seven(a, b, c, d, /, e, *f, g): ...\n"
            "class C:\n    def six(self, a, b, c, d, *, e, **f): ...\n"
            "@app.command()\ndef flags(a, b, c, d, e, f, g, h): ...\n"
            "def more_flags(a, b, c, d, e, f, g: Annotated[str, typer.Option('-g')]): ...\n"
        }
    )

    assert [finding.text.split()[0] for finding in oversized(measure(modules))] == ["seven"]


def test_the_report_shows_median_p90_and_maximum(plant: Plant, tmp_path: Path) -> None:
    functions = "".join(f"def f{length}():\n" + "    x = 1\n" * (length - 1) for length in range(2, 12))

    row = list(table([("p", measure(plant({"p/a.py": functions})))], tmp_path))[1]

    assert row.split("|")[1].split() == ["10", "6", "11", "11", "0"]
