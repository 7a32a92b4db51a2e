"""Needs: the list, the editor with its errors beside the fields, a trial on past readings, lifts, history and back."""

import re
import tomllib
from typing import Any

import pytest
from tests.cloud.stage import DAMP, DRY, NOW, Cloud, batch, humidity
from tests.cloud.web.hands import NASTY, Hands, hands, is_clean, words, wrong

from aircue_cloud import db, stores, tables
from aircue_cloud.config import Config
from aircue_cloud.identity import keys
from aircue_cloud.needs import needs, stored, toml
from aircue_cloud.web.listing import NOTHING
from aircue_cloud.web.views import need_form
from aircue_cloud.web.views.changes import changes
from aircue_cloud.web.views.need_form import Draft

PAGE = "/console/needs/damp-air"


@pytest.fixture
def mine(cloud: Cloud) -> Hands:
    """An operator's browser, on a store with a damp bathroom."""
    cloud.post(batch(humidity([*DRY, *DAMP, *DRY, *DAMP])))
    return hands(cloud)


def base() -> dict[str, Any]:
    return tomllib.loads(toml.written(needs.load().by_name["damp-air"].document))


def saved(cloud: Cloud) -> list[dict[str, Any]]:
    """Every version: its number, author, note, threshold, and whether it holds."""
    names = ("number", "author", "note", "active")
    return [
        {**{name: row[name] for name in names}, "enter": row["document"]["condition"]["enter"]}
        for row in cloud.rows(tables.need_versions)
    ]


# The form, without a server.


def test_what_is_typed_goes_into_the_document_and_everything_else_stays() -> None:
    before = {**base(), "also": [{"source": "calendar", "months": [6]}]}
    draft = need_form.draft(before, {"enter": "72.5", "dwell": "20", "title": " Wet  air ", "message-en-title": "Wet"})
    assert not draft.errors
    assert draft.document["condition"] == {**before["condition"], "enter": 72.5, "dwell_s": 1200}
    assert draft.document["title"] == "Wet air"
    assert draft.document["message"]["en"] == {**before["message"]["en"], "title": "Wet"}
    assert draft.document["also"] == before["also"]
    assert before == {**base(), "also": before["also"]}


def test_a_form_that_is_sent_as_it_came_changes_nothing() -> None:
    shown = need_form.form(Draft(document=base()), "%")
    assert shown.direction is not None
    fields = [shown.title, shown.kind, shown.direction, *shown.numbers]
    fields += [one for pair in shown.remedies for one in pair] + [one for _, some in shown.messages for one in some]
    draft = need_form.draft(base(), {one.name: one.value for one in fields})
    assert (toml.written(draft.document), draft.errors) == (toml.written(base()), {})


def test_remedies_are_the_rows_as_they_stand() -> None:
    typed = {
        "category-0": "dryer",
        "lift-0": "1.4",
        "category-1": " ",
        "lift-1": "",
        "category-2": "fan",
        "lift-2": "2",
    }
    assert need_form.draft(base(), typed).document["remedies"] == {"dryer": 1.4, "fan": 2}
    twice = need_form.draft(base(), {**typed, "category-1": "fan", "lift-1": "2"})
    assert twice.errors == {"category-2": "fan is there twice"}


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"enter": "wet"}, "enter"),
        ({"enter": "inf"}, "enter"),
        ({"dwell": ""}, "dwell"),
        ({"title": " "}, "title"),
        ({"message-zh-text": ""}, "message-zh-text"),
        ({"category-0": "fan", "lift-0": "much"}, "lift-0"),
        ({"category-0": "", "lift-0": "2"}, "category-0"),
    ],
)
def test_what_cannot_be_read_is_said_of_its_field_alone(typed: dict[str, str], field: str) -> None:
    assert set(need_form.draft(base(), typed).errors) == {field}


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"exit": "90"}, "exit"),
        ({"direction": "sideways"}, "direction"),
        ({"gap": "0"}, "dwell"),
        ({"kind": "loud"}, "kind"),
        ({"message-en-reason": "{nobody}"}, "message-en-reason"),
        ({"category-0": "fan", "lift-0": "0"}, "remedies"),
    ],
)
def test_what_the_document_may_not_say_is_said_beside_its_field(typed: dict[str, str], field: str) -> None:
    draft = need_form.draft(base(), typed)
    assert not draft.errors
    with pytest.raises(ValueError, match=r"need damp-air") as caught:
        stored.check("damp-air", draft.document)
    [(name, said)] = draft.with_error(str(caught.value)).errors.items()
    assert name == field
    assert not said.startswith("need damp-air")


def test_a_change_is_shown_with_the_lines_around_it() -> None:
    before, after = "\n".join("abcdefghij"), "\n".join("aXcdefghiY")
    found = changes(before, after)
    assert [one.text for one in found] == ["a", "b", "X", "c", "d", "", "h", "i", "j", "Y"]
    assert [one.kind for one in found[:6]] == ["same", "removed", "added", "same", "same", "skip"]
    assert changes(before, before) == []


# The pages.


def test_the_list_says_what_holds_and_what_it_lately_did(mine: Hands) -> None:
    remedies = "dehumidifier, dryer, moisture-absorber"
    line = f"Damp air Humidity above 80 % for 15 min {remedies} as shipped {NOTHING} 1 2 1"
    assert line in words(mine.get("/console/needs"))


def test_a_need_is_edited_and_its_history_says_who_when_and_what(cloud: Cloud, mine: Hands) -> None:
    done = mine.post(PAGE, enter="72", exit="70", do="save", note="bathrooms of 70s houses")
    assert done.status_code == 303
    assert saved(cloud) == [
        {"number": 1, "author": "operator operator", "note": "bathrooms of 70s houses", "enter": 72, "active": True}
    ]
    page = mine.get(done.headers["Location"])
    text = words(page)
    assert "Saved. It holds from now on." in text
    assert "changed, version 1 of 21 Nov 2026 12:00 UTC, by operator operator" in text
    assert re.findall(r'class="(?:added|removed)">([^<]+)<', page.text) == [
        "- enter = 80",
        "- exit = 78",
        "+ enter = 72",
        "+ exit = 70",
    ]
    with cloud.app.test_request_context():
        assert cloud.services.needs.by_name["damp-air"].rule.enter == 72


def test_what_does_not_fit_is_not_saved_and_stays_as_it_was_typed(cloud: Cloud, mine: Hands) -> None:
    page = mine.post(PAGE, enter="wet", exit="70", do="save")
    assert page.status_code == 422
    assert wrong(page) == {"enter": "'wet' is no number; write it such as 80 or 12.5"}
    assert 'value="wet"' in page.text
    assert wrong(mine.post(PAGE, exit="90", do="save")) == {"exit": "exit 90.0 lies beyond enter 80.0"}
    assert saved(cloud) == []


def test_a_draft_is_tried_on_past_readings_beside_what_holds(cloud: Cloud, mine: Hands) -> None:
    page = mine.post(PAGE, enter="90", exit="88", do="try", site="home-1", days="7")
    text = words(page)
    assert "as it holds as it is typed" in text
    assert "Episodes, without flagged ones: what is decided on 2 0" in text
    assert "Offers sent 1 0" in text
    assert page.text.count("<polyline") == 1
    assert saved(cloud) == []
    same = words(mine.post(PAGE, do="try", site="home-1", days="7"))
    assert "as it is typed" not in same
    assert "21 Nov 02:20 UTC" in same


def test_a_need_whose_quantity_nobody_measures_says_so(mine: Hands) -> None:
    assert "No home measures pm25" in words(mine.post("/console/needs/particulates", do="try"))


def test_the_whole_of_it_is_edited_as_toml(cloud: Cloud, mine: Hands) -> None:
    text = toml.written(base()).replace("enter = 80", "enter = 85") + '\n[[also]]\nsource = "calendar"\nmonths = [6]\n'
    assert mine.post(PAGE, **{"as": "toml", "toml": text, "do": "save"}).status_code == 303
    assert cloud.rows(tables.need_versions)[0]["document"]["also"] == [{"source": "calendar", "months": [6]}]


@pytest.mark.parametrize(
    "text",
    [
        "enter =",
        "[" * 3000,
        "x" * 30_000,
        'title = "\\u0000"',
        "title = 1979-05-27",
        "condition.enter = nan",
        "",
        "\x00",
    ],
    ids=["half a line", "nested", "long", "nul", "date", "nan", "nothing", "control"],
)
def test_toml_that_is_none_or_no_need_is_refused_with_the_reason(cloud: Cloud, mine: Hands, text: str) -> None:
    page = mine.post(PAGE, **{"as": "toml", "toml": text, "do": "save"})
    assert page.status_code == 422
    assert 'class="wrong"' in page.text
    assert saved(cloud) == []


def test_an_earlier_version_and_what_ships_come_back_as_the_newest(cloud: Cloud, mine: Hands) -> None:
    for enter in ("72", "74"):
        mine.post(PAGE, enter=enter, exit="70", do="save")
    assert mine.post(f"{PAGE}/restore", version="1").status_code == 422  # not confirmed
    assert mine.post(f"{PAGE}/restore", version="1", confirmed="yes").status_code == 303
    assert mine.post(f"{PAGE}/restore", version="0", confirmed="yes").status_code == 303
    assert [(one["enter"], one["note"]) for one in saved(cloud)] == [
        (72, ""), (74, ""), (72, "back to version 1"), (80, "back to what ships"),
    ]  # fmt: skip
    assert mine.post(f"{PAGE}/restore", version="9", confirmed="yes").status_code == 404


def test_a_need_that_is_taken_away_is_still_there_to_bring_back(cloud: Cloud, mine: Hands) -> None:
    assert mine.post(f"{PAGE}/retire").status_code == 422
    assert mine.post(f"{PAGE}/retire", confirmed="yes").status_code == 303
    assert "retired" in words(mine.get("/console/needs"))
    assert "Back to what ships" in words(mine.get(PAGE))
    assert mine.post(f"{PAGE}/retire", confirmed="yes").status_code == 422  # there is none any more
    assert mine.post(f"{PAGE}/restore", version="0", confirmed="yes").status_code == 303
    assert [one["active"] for one in saved(cloud)] == [False, True]


def test_titles_and_messages_are_text_wherever_they_stand(cloud: Cloud, mine: Hands) -> None:
    done = mine.post(PAGE, **{"title": NASTY, "message-en-title": NASTY, "note": NASTY, "do": "save",
                              "category-0": NASTY, "lift-0": "2"})  # fmt: skip
    assert done.status_code == 303
    for path in (
        PAGE,
        "/console/needs",
        "/console/experiments",
        "/console/recommender?person=ada-1",
        "/console/policy",
    ):
        assert is_clean(mine.get(path)), path
    assert is_clean(mine.post(PAGE, do="try", site="home-1", days="7"))
    assert is_clean(mine.post(PAGE, enter=NASTY, title=NASTY))
    history = mine.get(f"{PAGE}?format=csv&table=history")
    assert NASTY.replace('"', '""') in history.text


def test_a_form_without_this_sessions_word_changes_nothing(cloud: Cloud, mine: Hands) -> None:
    for path, fields in ((PAGE, {"enter": "72", "exit": "70", "do": "save"}), (f"{PAGE}/retire", {"confirmed": "yes"})):
        assert mine.client.post(path, data=fields).status_code == 403
        assert mine.client.post(path, data={**fields, "form_word": "0" * 64}).status_code == 403
        other = mine.client.post(
            path, data={**fields, "form_word": mine.word}, headers={"Sec-Fetch-Site": "cross-site"}
        )
        assert other.status_code == 403
    assert saved(cloud) == []


def test_who_may_only_look_is_shown_no_button_and_refused(cloud: Cloud) -> None:
    viewer = hands(cloud, "viewer")
    page = viewer.get(PAGE)
    assert page.status_code == 200
    assert 'method="post" action="/console/needs' not in page.text
    for path in (PAGE, f"{PAGE}/restore", f"{PAGE}/retire"):
        assert viewer.post(path, enter="72", exit="70", do="save", version="0", confirmed="yes").status_code == 403
    assert saved(cloud) == []


def test_every_change_is_in_the_audit_log(cloud: Cloud, mine: Hands) -> None:
    mine.post(PAGE, enter="72", exit="70", do="save")
    [entry] = [row for row in cloud.rows(tables.audit) if row["target"] == PAGE]
    assert (entry["actor"], entry["action"], entry["outcome"]) == (
        "operator operator",
        "POST console_needs.edit",
        "done",
    )


@pytest.mark.parametrize("name", ["nothing", "..", "damp-air%00", "%3Cscript%3E"])
def test_a_need_that_is_none_is_not_found(mine: Hands, name: str) -> None:
    assert mine.get(f"/console/needs/{name}").status_code == 404
    assert mine.post(f"/console/needs/{name}", do="save").status_code in (404, 405)


def test_another_stores_versions_and_homes_are_not_here(cloud: Cloud, mine: Hands) -> None:
    mine.post(PAGE, enter="72", exit="70", do="save")
    stores.add(Config(data_dir=str(cloud.folder.parents[1]), database_url=cloud.database_url), "other")
    with cloud.app.test_request_context():
        from aircue_cloud.routes import access
        from aircue_cloud.routes.services import services

        access.enter("other")
        engine = services().engine
        with db.writing(engine) as connection:
            key = keys.add(connection, "partner", "p", ("needs:read", "needs:write"), NOW)
    headers = {"Authorization": f"Bearer {key}"}
    client = cloud.app.test_client()
    assert "as shipped" in words(client.get(PAGE, headers=headers))
    assert client.post(f"{PAGE}/restore", data={"version": "1", "confirmed": "yes"}, headers=headers).status_code == 404
    tried = client.post(PAGE, data={"do": "try", "site": "home-1", "days": "7"}, headers=headers)
    assert "No home measures humidity" in words(tried)
    engine.dispose()


# A new one.

NEW = "/console/new-need"


def mark(answer: Any) -> str:
    found = re.search(r'name="tried" value="([0-9a-f]*)"', answer.text)
    assert found is not None
    return found[1]


def test_a_new_need_is_begun_from_a_template_tried_and_then_saved(cloud: Cloud, mine: Hands) -> None:
    assert f'href="{NEW}"' in mine.get("/console/needs").text
    begun = mine.get(f"{NEW}?from=damp-air")
    assert 'value="80"' in begun.text
    typed = {"from": "damp-air", "name": "wet-attic", "title": "Wet attic", "enter": "82", "exit": "79"}
    untried = mine.post(NEW, **typed, do="save")
    assert (untried.status_code, "try it on past readings first" in words(untried)) == (422, True)
    tried = mine.post(NEW, **typed, do="try")
    assert "Episodes, without flagged ones: what is decided on 2" in words(tried)
    assert '<svg class="chart"' in tried.text
    changed = mine.post(NEW, **typed | {"enter": "83"}, do="save", tried=mark(tried))
    assert changed.status_code == 422  # what was tried was another one
    done = mine.post(NEW, **typed, do="save", tried=mark(tried), note="for the attic")
    assert (done.status_code, done.headers["Location"]) == (303, "/console/needs/wet-attic?done=saved")
    [version] = cloud.rows(tables.need_versions)
    assert (version["name"], version["number"], version["note"]) == ("wet-attic", 1, "for the attic")
    assert version["document"]["condition"]["enter"] == 82
    assert "Wet attic" in words(mine.get("/console/needs"))
    again = mine.post(NEW, **typed, do="save", tried=mark(tried))
    assert "already" in wrong(again)["name"]


@pytest.mark.parametrize("name", ["", "Damp Attic", "-x", "a" * 65, NASTY, "damp-air"])
def test_a_name_that_will_not_do_is_said_beside_its_field(cloud: Cloud, mine: Hands, name: str) -> None:
    answer = mine.post(NEW, **{"from": "damp-air", "name": name, "do": "save"})
    assert (answer.status_code, "name" in wrong(answer), is_clean(answer)) == (422, True, True)
    assert cloud.rows(tables.need_versions) == []


def test_a_new_need_as_text_is_tried_as_it_stands(cloud: Cloud, mine: Hands) -> None:
    text = toml.written({**base(), "title": "Attic"})
    sent = {"from": "damp-air", "name": "attic", "as": "toml", "toml": text}
    tried = mine.post(NEW, **sent, do="try")
    assert mine.post(NEW, **sent, do="save", tried=mark(tried)).status_code == 303
    assert cloud.rows(tables.need_versions)[0]["document"]["title"] == "Attic"
    broken = mine.post(NEW, **sent | {"name": "other", "toml": "title = "}, do="try")
    assert (broken.status_code, "not readable" in wrong(broken)["toml"]) == (422, True)


def test_a_new_need_without_a_home_to_try_it_on_says_so_and_can_be_saved(bare: Cloud) -> None:
    mine = hands(bare)
    sent = {"from": "damp-air", "name": "attic"}
    tried = mine.post(NEW, **sent, do="try")
    assert "No home measures humidity" in words(tried)
    assert mine.post(NEW, **sent, do="save", tried=mark(tried)).status_code == 303


def test_a_viewer_begins_no_need(cloud: Cloud) -> None:
    viewer = hands(cloud, "viewer")
    assert f'href="{NEW}"' not in viewer.get("/console/needs").text
    assert viewer.get(NEW).status_code == 403
    assert viewer.post(NEW, name="x").status_code == 403


def test_a_trial_is_a_file_as_well(mine: Hands) -> None:
    tried = mine.post(PAGE, do="try", enter="81")
    assert re.search(
        r'<button class="plain csv" type="submit" form="editor-form"[^>]* formaction="([^"]+)"', tried.text
    )
    file = mine.post(f"{PAGE}?format=csv&table=tried", do="try", enter="81")
    assert file.content_type == "text/csv; charset=utf-8"
    assert len(file.text.splitlines()) == 3
