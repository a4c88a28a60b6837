"""The page in a real Chromium: an operator's whole path, by mouse and by keyboard, on any width."""

import json
import os
import re
import shutil
import signal

import pytest
from playwright.sync_api import expect, sync_playwright
from running import PATIENCE_S

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
if CHROMIUM is None:
    pytest.skip("no Chromium is installed (Debian: apt-get install chromium)", allow_module_level=True)

OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
           "--disable-component-update", "--disable-sync"]
DONE = re.compile(r"\d+ designs in ")
expect.set_options(timeout=1000 * PATIENCE_S)


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser, console):
    """A page on the console; afterwards, nothing was asked of any other machine, and nothing went wrong unseen."""
    yield from opened(browser, console, {"width": 1280, "height": 900})


@pytest.fixture
def narrow_page(browser, console):
    yield from opened(browser, console, {"width": 390, "height": 844})


def opened(browser, console, viewport):
    context = browser.new_context(viewport=viewport)
    context.set_default_timeout(1000 * PATIENCE_S)
    page = context.new_page()
    asked, errors = [], []
    context.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if "Content Security" in message.text else None)
    page.goto(console.url)
    page.locator("#network option").nth(1).wait_for(state="attached")
    page.select_option("#network", "power-2")
    yield page
    page.wait_for_load_state("networkidle")  # pictures that are still drawn would be in the way of the next test
    context.close()
    assert asked
    assert [url for url in asked if not url.startswith((console.url, "data:"))] == []
    assert errors == []


def bound(page, label, threshold, place=0):
    page.get_by_role("button", name="Add a constraint").click()
    row = page.get_by_role("group", name=f"Constraint {place + 1}")
    row.get_by_label("Label").select_option(label)
    row.get_by_role("spinbutton").fill(str(threshold))
    row.get_by_role("spinbutton").blur()


def preset(page):
    page.get_by_text("Situation and size").click()
    page.select_option("#context-kind", "aign-two-users")
    page.locator("#count").fill("6")
    page.locator("#count").blur()


def design(page):
    page.get_by_role("button", name="Design", exact=True).click()
    expect(page.locator("#status")).to_have_text(DONE)


def test_from_a_request_to_an_accepted_design(page, console):
    preset(page)
    bound(page, "total_power", 40)
    design(page)
    expect(page.locator("#verdict")).to_contain_text(re.compile(r"\d different designs of 6 generated; all meet"))
    expect(page.locator(".card")).to_have_count(int(page.locator("#verdict strong").inner_text()[0]))
    expect(page.locator("#verdict")).to_contain_text("certified utility")
    picture = page.get_by_alt_text("Picture of design 1", exact=True)
    picture.scroll_into_view_if_needed()
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 50

    page.get_by_role("button", name="Why design 1", exact=True).click()
    why = page.get_by_role("dialog")
    expect(why.get_by_role("listitem").first).to_contain_text("total_power<=40")
    expect(why.get_by_alt_text("Who pays, prices, and the path")).to_be_visible()
    page.keyboard.press("Escape")
    expect(why).to_be_hidden()

    page.get_by_role("button", name="Accept design 2", exact=True).click()
    toast = page.locator("#toast")
    expect(toast).to_contain_text("Design 2 is accepted")
    file = console.folder / re.search(r"accepted/\S+\.json", toast.inner_text())[0]
    assert json.loads(file.read_text())["request"]["where"] == ["total_power<=40"]


def test_a_sentence_is_read_asked_back_confirmed_and_changed(page):
    page.get_by_label("What do you want?").fill("power at most 40")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#status")).to_have_text("Please answer first.")
    page.locator(".question button").first.click()
    expect(page.locator("#canonical")).to_contain_text("power at most 40")
    expect(page.locator("#command")).to_contain_text("aign design power-allocation")
    expect(page.locator("#spans mark")).not_to_have_count(0)
    expect(page.locator("#questions button")).to_have_count(0)

    page.get_by_label("What do you want?").fill("total power at most 30 and two designs")
    page.get_by_role("button", name="Change by this").click()
    expect(page.locator("#command")).to_contain_text("total_power<=30")
    design(page)
    expect(page.locator("#verdict")).to_contain_text("of 2 generated")
    page.get_by_role("button", name="Why design 1", exact=True).click()
    page.get_by_label("Ask about this answer").fill("what binds?")
    page.keyboard.press("Enter")
    expect(page.locator(".ask li").first).to_contain_text("total_power<=30")


def test_an_example_is_read_and_designed_with_two_keys(page):
    example = page.get_by_role("button", name="three designs with the lowest total power")
    example.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#canonical")).to_contain_text("minimise the total power")
    expect(page.get_by_role("button", name="Design", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#verdict")).to_contain_text("least total_power")


def test_limits_on_an_axis_keep_some_of_the_designs(page):
    preset(page)
    design(page)
    count = page.locator(".card").count()
    assert count > 1
    axis = page.get_by_role("slider", name="Upper limit of utility")
    box = axis.locator(".grip").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20, steps=3)
    page.mouse.up()
    expect(page.locator("#shown")).to_have_text(re.compile(rf"\d of {count} designs"))
    hidden = page.locator(".card:not([hidden])").count()
    assert 1 <= hidden < count
    assert page.locator(".lines path.faded").count() == count - hidden
    page.get_by_role("button", name="Clear the limits").click()
    expect(page.locator("#shown")).to_have_text(f"{count} designs")


def test_what_is_impossible_is_relaxed_by_a_button(page):
    preset(page)
    bound(page, "min_rate", 500)
    design(page)
    expect(page.locator("#verdict")).to_contain_text("cannot be had")
    page.get_by_role("button", name="Relax to min_rate>=").click()
    expect(page.locator("#verdict")).to_contain_text(re.compile("of 6 generated; .* the request"))
    assert float(page.get_by_role("spinbutton", name="Threshold of rate of the worst user").input_value()) < 500


def test_a_start_is_answered_by_changes(page):
    preset(page)
    design(page)
    page.get_by_role("button", name="Start here design 2").click()
    expect(page.locator("#start")).to_contain_text("design 2")
    power = page.locator(".card").nth(1).locator("dt", has_text="total power").locator("xpath=following-sibling::dd[1]")
    bound(page, "total_power", int(re.match(r"\d+", power.inner_text())[0]) // 2)  # so it has to change
    design(page)
    expect(page.locator("#changes")).to_contain_text("->")
    page.get_by_role("button", name="Suggest few changes").click()
    expect(page.locator("#suggestions")).to_contain_text("the request is met from here on")


def wrong(page, event):
    """By keyboard alone, say what goes wrong with the best design."""
    page.get_by_role("button", name="Start here design 1", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Event", exact=True)).to_be_focused()
    page.keyboard.type(event)
    page.keyboard.press("Enter")


def test_what_goes_wrong_is_shown_mended_and_accepted(page, console):
    preset(page)
    bound(page, "max_power", 40)
    expect(page.locator("#wrong")).to_be_hidden()
    design(page)
    power = page.locator(".card").first.locator("dt", has_text="total power").locator("xpath=following-sibling::dd[1]")
    most = int(re.match(r"\d+", power.inner_text())[0]) // 2
    wrong(page, f"total_power<={most}")
    expect(page.locator("#impact")).to_contain_text(f"breaks total_power<={most}")
    expect(page.locator("#impact tr.bad")).to_have_count(1)
    page.get_by_role("button", name="Suggest what mends it").click()
    expect(page.locator("#mending .suggestion").first).to_contain_text("the request is met from here on")
    page.get_by_role("button", name="Accept suggestion 1").click()
    expect(page.locator("#toast")).to_contain_text("Suggestion 1 is accepted")
    file = console.folder / re.search(r"accepted/\S+\.json", page.locator("#toast").inner_text())[0]
    kept = json.loads(file.read_text())
    assert sum(kept["design"]["design"]) <= most
    assert kept["design"]["changes"]
    page.get_by_label("Event", exact=True).fill("it rains")
    page.keyboard.press("Enter")
    expect(page.locator("#impact")).to_contain_text("cannot be read")
    expect(page.locator("#event-list li")).to_have_count(1)
    page.get_by_role("button", name="Take back: total_power<=").click()
    expect(page.locator("#event-list")).to_be_hidden()
    page.get_by_role("button", name="Forget it").click()
    expect(page.locator("#wrong")).to_be_hidden()


def test_live_mode_follows_a_slider(page):
    preset(page)
    bound(page, "total_power", 40)
    design(page)
    page.get_by_label("Live").check()
    slider = page.get_by_role("slider", name="Slide the threshold of total power")
    slider.focus()
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    expect(page.locator("#rate")).to_have_text(re.compile(r"[\d.]+ updates/s"))
    expect(page.locator("#status")).to_have_text(DONE)
    assert float(page.get_by_role("spinbutton", name="Threshold of total power").input_value()) < 40


def stand_still(page, console):
    """Stop the worker while it has nothing to do: the next job runs for as long as the test wants."""
    page.wait_for_load_state("networkidle")
    return console.stop_worker()


def test_cancelling_and_asking_again(page, console):
    stand_still(page, console)
    page.get_by_role("button", name="Design", exact=True).click()
    expect(page.locator("#status")).to_have_text("starts")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#status")).to_have_text("Cancelled.")
    design(page)


def test_reloading_in_the_middle_loses_nothing(page, console):
    preset(page)
    bound(page, "total_power", 40)
    worker = stand_still(page, console)
    try:
        page.get_by_role("button", name="Design", exact=True).click()
        expect(page).to_have_url(re.compile("#job="))
        page.reload()
        expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    finally:
        os.kill(worker, signal.SIGCONT)
    expect(page.locator("#status")).to_have_text(DONE)
    expect(page.get_by_role("spinbutton", name="Threshold of total power")).to_have_value("40")
    count = page.locator(".card").count()
    assert count
    page.reload()
    expect(page.locator(".card")).to_have_count(count)


def tab_to(page, name):
    for _ in range(80):
        page.keyboard.press("Tab")
        label = page.evaluate("document.activeElement.ariaLabel || document.activeElement.textContent")
        if label.strip().startswith(name):
            return
    raise AssertionError(f"no way by keyboard to {name}")


def test_the_whole_path_by_keyboard_alone(page):
    page.locator("#network").focus()
    tab_to(page, "Add a constraint")
    page.keyboard.press("Enter")
    tab_to(page, "Threshold of ")
    page.keyboard.type("60")
    tab_to(page, "Design")
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_have_text(DONE)
    tab_to(page, "Upper limit of utility")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#shown")).to_have_text(re.compile(r"\d+ of \d+ designs"))
    page.keyboard.press("Escape")
    expect(page.locator("#shown")).to_have_text(re.compile(r"^\d+ designs"))
    tab_to(page, "Why design 1")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_role("listitem").first).to_be_visible()
    page.keyboard.press("Escape")
    tab_to(page, "Accept design")
    page.keyboard.press("Enter")
    expect(page.locator("#toast")).to_contain_text("is accepted")


def test_a_narrow_screen_shows_everything(narrow_page):
    preset(narrow_page)
    bound(narrow_page, "total_power", 40)
    design(narrow_page)
    assert narrow_page.evaluate("document.documentElement.scrollWidth") == 390
    wrong(narrow_page, "gain of user 1 -50%")
    expect(narrow_page.locator("#impact table")).to_be_visible()
    assert narrow_page.evaluate("document.documentElement.scrollWidth") == 390
    narrow_page.get_by_role("button", name="Why design 1", exact=True).click()
    expect(narrow_page.get_by_role("dialog").get_by_role("listitem").first).to_be_visible()
    assert narrow_page.evaluate("document.documentElement.scrollWidth") == 390


def test_networks_without_a_model_say_how_to_train_them(page):
    page.get_by_role("link", name="Networks").click()
    expect(page.locator("#with-model")).to_contain_text("power-2")
    expect(page.locator("#without-model")).to_contain_text("contract")
    page.get_by_role("link", name="Design", exact=True).click()
    expect(page.locator("#request")).to_be_visible()
