"""A table of thousands: filter, sort, and rows that change while both hold."""

from playwright.sync_api import expect


def shown(page):
    return page.locator("#units tbody tr:visible")


def test_filter_counts_is_kept_in_the_address_and_can_be_cleared(preview, open_page):
    page = open_page(preview)
    page.goto("/units/")
    page.get_by_role("searchbox").fill("chrony")
    expect(page.locator("[data-count]")).to_have_text("7 of 60 units")
    page.get_by_label("Type").select_option("timer")
    expect(page.locator("[data-count]")).to_have_text("2 of 60 units")
    assert page.url.endswith("?q=chrony&type=timer")
    page.reload()
    expect(page.locator("[data-count]")).to_have_text("2 of 60 units")
    page.get_by_role("searchbox").fill("no such unit")
    expect(page.get_by_role("heading", name="No units match this filter")).to_be_visible()
    page.get_by_role("button", name="Clear the filter").click()
    expect(page.locator("[data-count]")).to_have_text("60 units")


def test_sort_by_number_starts_with_the_largest_and_ends_with_the_servers_order(preview, open_page):
    page = open_page(preview)
    page.goto("/units/")
    before = page.locator("#units tbody tr").evaluate_all("rows => rows.map(row => row.id)")
    memory = page.get_by_role("columnheader", name="Memory").get_by_role("button")
    memory.click()
    values = page.locator("#units td[data-label=Memory]").evaluate_all(
        "cells => cells.map(cell => Number(cell.dataset.value || -1))"
    )
    assert values == sorted(values, reverse=True)
    assert page.url.endswith("?sort=memory-")
    memory.click()
    memory.click()
    assert page.locator("#units tbody tr").evaluate_all("rows => rows.map(row => row.id)") == before


def test_two_thousand_rows_filter_within_a_frame_or_three(preview, open_page):
    page = open_page(preview)
    page.goto("/units/?number=2000")
    expect(page.locator("[data-count]")).to_have_text("2000 units")
    took = page.evaluate("""() => {
        const find = document.querySelector("[data-filter]");
        const times = [];
        return (async () => {
            for (const text of ["c", "ch", "chr", "chro", ""]) {
                const start = performance.now();
                find.value = text;
                find.dispatchEvent(new Event("input"));
                await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
                times.push(performance.now() - start);
            }
            return times.sort((a, b) => a - b)[2];
        })();
    }""")
    assert took < 400, took  # two cores shared with everything else; a frame and the layout of 2,000 rows
