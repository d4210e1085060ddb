"use strict";
// Draws every chart of the page from the rows that its selectors choose.
(() => {
  const OPTIONS = { actions: false, ast: true, renderer: "svg", mode: "vega-lite", defaultStyle: false, logLevel: 1 };

  // Columns are stored as entries, or as pairs of an entry and how often it is repeated.
  function column(stored) {
    let entries = stored.entries;
    if (!entries) {
      entries = [];
      for (let i = 0; i < stored.repeated.length; i += 2) {
        for (let n = stored.repeated[i + 1]; n > 0; n--) entries.push(stored.repeated[i]);
      }
    }
    return { entries, levels: stored.levels };
  }

  function entry(of, row) {
    const stored = of.entries[row];
    return of.levels && stored !== null ? of.levels[stored] : stored;
  }

  async function unpacked(name) {
    const letters = atob(document.getElementById(name).textContent);
    const packed = Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    return JSON.parse(await new Response(stream).text());
  }

  class Figure {
    constructor(element, data) {
      this.element = element;
      this.data = data;
      this.columns = Object.fromEntries(
        Object.entries(this.data.rows).map(([name, stored]) => [name, column(stored)])
      );
      this.selectors = this.data.selectors.map((selector) => ({
        ...selector,
        input: element.querySelector(`select[name="${selector.column}"]`),
      }));
      this.target = element.querySelector(".drawing");
      this.summary = element.querySelector(".summary");
      this.tip = { disableDefaultStyle: true, id: element.id + "-tip" };
      for (const { input } of this.selectors) input?.addEventListener("change", () => this.update());
    }

    // Offer what goes with the choices before it, and return the numbers of the chosen rows.
    choose() {
      let rows = Array.from({ length: this.data.count }, (_, i) => i);
      for (const { column: name, every, input } of this.selectors) {
        if (!input) continue; // all rows have one value
        const of = this.columns[name];
        const offered = new Set();
        for (const row of rows) if (of.entries[row] !== null) offered.add(entry(of, row));
        for (const option of input.options) {
          option.disabled = option.hidden = !(every && option.value === "") && !offered.has(option.dataset.value);
        }
        if (input.selectedOptions[0]?.disabled ?? true) {
          input.value = [...input.options].find((option) => !option.disabled)?.value ?? "";
        }
        const chosen = input.selectedOptions[0];
        if (!chosen || (every && chosen.value === "")) continue;
        const wanted = of.levels.indexOf(chosen.dataset.value);
        rows = rows.filter((row) => of.entries[row] === null || of.entries[row] === wanted);
      }
      return rows;
    }

    records(rows) {
      const names = Object.keys(this.columns);
      return rows.map((row) => Object.fromEntries(names.map((name) => [name, entry(this.columns[name], row)])));
    }

    async update() {
      this.chosen = this.records(this.choose());
      await this.draw();
      this.say();
    }

    // The parameters of the choice, among them the ends of its scale.
    parameters() {
      const by = this.data.scaledBy;
      if (!by) return {};
      const of = this.columns[by];
      const { input } = this.selectors.find((selector) => selector.column === by);
      const choice = input ? input.selectedOptions[0].dataset.value : of.levels[0];
      const wanted = of.levels.indexOf(choice);
      const values = this.columns[this.data.value].entries;
      let low = Infinity, high = -Infinity;
      values.forEach((value, row) => {
        if (value === null || of.entries[row] !== wanted) return;
        low = Math.min(low, value);
        high = Math.max(high, value);
      });
      const ends = low <= high ? { low, high: low < high ? high : low + 1e-9 } : { low: 0, high: 1 };
      return { ...ends, ...this.data.parameters[choice] };
    }

    // Panels as wide as the screen allows, and as many beside each other.
    spec(room) {
      const spec = structuredClone(this.data.spec);
      const { panel, widest, most } = this.data.layout;
      let { height, beside: wanted } = this.data.layout;
      // What stands beside rows stands above them where there is no room for it.
      const texts = (spec.spec ?? spec).layer?.filter((layer) => layer.name?.includes("beside")) ?? [];
      if (texts.length && room < panel + wanted) {
        for (const text of texts) {
          text.encoding.x = { value: 0 };
          Object.assign(text.mark, { dx: 0, dy: -12, limit: room * 0.6 });
        }
        [height, wanted] = [height - 14, 110];
      }
      const shown = new Set(this.chosen.map((row) => row[spec.facet?.field]).filter((name) => name != null));
      const panels = shown.size || 1;
      const beside = Math.min(wanted, room * 0.55);
      const gap = 16;
      const fit = Math.max(1, Math.floor((room + gap) / (panel + beside + gap)));
      const columns = Math.min(fit, most, panels);
      const width = Math.min(widest, Math.floor((room - columns * beside - (columns - 1) * gap) / columns));
      const inner = spec.spec ?? spec;
      if (spec.facet) Object.assign(spec, { columns, spacing: gap });
      inner.width = Math.max(60, width - this.narrower);
      inner.height = height < 0 ? { step: -height } : height || inner.width;
      spec.data = { name: "rows", values: this.chosen };
      spec.config.legend.columns = Math.max(2, Math.floor(room / 130));
      const values = this.parameters();
      for (const parameter of spec.params ?? []) {
        if (parameter.name in values) parameter.value = values[parameter.name];
      }
      return spec;
    }

    async draw() {
      this.room = this.target.clientWidth;
      this.narrower = 0;
      for (let attempt = 0; attempt < 3; attempt++) {
        this.view?.finalize();
        const spec = this.spec(this.room);
        this.view = (await vegaEmbed(this.target, spec, { ...OPTIONS, tooltip: this.tip })).view;
        const over = Number(this.target.querySelector("svg").getAttribute("width")) - this.room;
        if (over <= 0) break;
        this.narrower += Math.ceil(over / (spec.columns ?? 1)) + 1;
      }
      this.target.querySelector("svg").setAttribute("aria-hidden", "true");
      this.element.dataset.drawn = String(Number(this.element.dataset.drawn ?? 0) + 1);
    }

    // What is shown, in words: the choice, and the ends of its values.
    say() {
      const { value, told, toldBy } = this.data;
      const choice = this.selectors.map(({ column: of, input }) =>
        input ? input.selectedOptions[0]?.textContent : this.columns[of].levels?.[0]
      );
      const groups = new Map();
      for (const row of this.chosen) {
        if (row[value] === null || (told && row[told[0]] !== told[1])) continue;
        const group = toldBy ? row[toldBy] : "";
        groups.set(group, [...(groups.get(group) ?? []), row]);
      }
      const said = [...groups].map(([group, rows]) => (group ? `${group}, ` : "") + this.ends(rows));
      this.summary.textContent = `${choice.filter(Boolean).join(", ")}: ${said.join("; ") || "no value is defined"}.`;
      this.target.setAttribute("aria-label", `${this.element.dataset.title}. ${this.summary.textContent}`);
    }

    ends(rows) {
      const { value, names } = this.data;
      const text = (row) => {
        const name = names.map((column) => row[column]).filter((part) => part !== null && part !== "");
        return `${row[value].toFixed(3)} (${name.join(", ")})`;
      };
      let [low, high] = [rows[0], rows[0]];
      for (const row of rows) {
        if (row[value] < low[value]) low = row;
        if (row[value] > high[value]) high = row;
      }
      const count = `${rows.length.toLocaleString("en")} value${rows.length === 1 ? "" : "s"}`;
      return low === high ? `${count}, ${text(low)}` : `${count} from ${text(low)} to ${text(high)}`;
    }
  }

  async function drawAll() {
    const figures = [];
    for (const element of document.querySelectorAll("figure.chart")) {
      try {
        const figure = new Figure(element, await unpacked(element.id + "-data"));
        await figure.update();
        figures.push(figure);
      } catch (error) {
        element.querySelector(".summary").textContent = `This figure cannot be drawn here: ${error.message}`;
        console.error(error);
      }
    }
    document.documentElement.dataset.charts = "drawn";
    let waiting;
    addEventListener("resize", () => {
      clearTimeout(waiting);
      waiting = setTimeout(async () => {
        for (const figure of figures) if (figure.target.clientWidth !== figure.room) await figure.draw();
      }, 150);
    });
  }

  // On paper everything is unfolded, and folded again afterwards.
  let unfolded = [];
  addEventListener("beforeprint", () => {
    unfolded = [...document.querySelectorAll("details:not([open])")];
    for (const details of unfolded) details.open = true;
  });
  addEventListener("afterprint", () => {
    for (const details of unfolded) details.open = false;
  });

  drawAll();
})();
