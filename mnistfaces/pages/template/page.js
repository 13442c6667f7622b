"use strict";
// What every page has: tables that are sorted by a click on a title, and that say where they go on.

// Returns what a row is sorted by in a column: a number where it is one, else its text; null where there is nothing.
function sortKey(row, column) {
  const cell = row.cells[column];
  const text = cell.dataset.key ?? cell.firstChild?.textContent ?? "";
  const value = Number(text.replaceAll(",", "").replace("\u2212", "-"));
  if (text.trim() === "" || text === "\u2013") return null;
  return Number.isNaN(value) ? text : value;
}

const SHOWN_ROWS = 200; // of a longer table, until all are asked for: what is not shown costs no time to lay out
const WORDS = new Intl.Collator(undefined, { numeric: true });

function showRows(table) {
  const all = table.dataset.whole === "yes";
  for (const [place, row] of [...table.tBodies[0].rows].entries()) row.hidden = !all && place >= SHOWN_ROWS;
}

// Sorts the rows of a table; equal ones keep their order, and those without a value come last either way.
function sortRows(table, column, descending) {
  const body = table.tBodies[0];
  const turn = descending ? -1 : 1;
  const rows = [...body.rows].map((row) => [sortKey(row, column), row]);
  rows.sort(([a], [b]) => {
    if (a === null || b === null) return (a === null) - (b === null);
    if (typeof a === "number" && typeof b === "number") return turn * (a - b);
    return turn * WORDS.compare(String(a), String(b));
  });
  body.replaceChildren(...rows.map(([, row]) => row));
  showRows(table);
}

for (const table of document.querySelectorAll("table.sortable")) {
  const titles = [...table.tHead.rows[0].cells];
  const count = table.tBodies[0].rows.length;
  if (count > SHOWN_ROWS) {
    const all = document.createElement("button");
    all.type = "button";
    all.className = "all";
    all.textContent = `Show all ${count.toLocaleString("en")} rows`;
    all.addEventListener("click", () => {
      table.dataset.whole = "yes";
      showRows(table);
      all.remove();
    });
    table.closest(".scroll").after(all);
    showRows(table);
  }
  for (const [column, title] of titles.entries()) {
    title.querySelector("button").addEventListener("click", () => {
      const descending = title.getAttribute("aria-sort") === "ascending" || !title.hasAttribute("aria-sort") &&
        [...table.tBodies[0].rows].some((row) => typeof sortKey(row, column) === "number");
      for (const other of titles) other.removeAttribute("aria-sort");
      title.setAttribute("aria-sort", descending ? "descending" : "ascending");
      sortRows(table, column, descending);
    });
  }
}

// A table that is cut says so, and where the rest of it is.
for (const scroller of document.querySelectorAll(".scroll")) {
  const hint = document.createElement("p");
  hint.className = "hint";
  scroller.before(hint);
  const look = () => {
    const rest = scroller.scrollWidth - scroller.clientWidth;
    hint.classList.toggle("cut", rest > 1);
    hint.textContent = scroller.scrollLeft > rest - 2 ? "\u2190 It goes on to the left." : "It goes on to the right: scroll it sideways \u2192";
  };
  new ResizeObserver(look).observe(scroller);
  scroller.addEventListener("scroll", look, { passive: true });
}

// Returns a color of the style, and its three numbers where it is given as such.
const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const triple = (name) => style(name).split(" ").map(Number);
const bytesOf = (text) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0)).buffer;

// Says something to those who listen, once it has stood for a moment: a drag or held keys say it once.
function announcer(element) {
  let waiting = 0;
  return (text) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      if (element.textContent !== text) element.textContent = text;
    }, 600);
  };
}

// Gives every part of a kind its life, with the data that stand beside it.
function mount(kind, start) {
  for (const root of document.querySelectorAll(`[data-part="${kind}"]`)) {
    start(root, JSON.parse(root.querySelector('script[type="application/json"]').textContent));
  }
}
