// The history as a plot: steps in time, one for each series.

const NAMES = "http://www.w3.org/2000/svg";
const [HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [240, 76, 8, 12, 28];
const NARROWEST = 280;

function element(name, attributes, text) {
  const made = document.createElementNS(NAMES, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

const time = (at) => new Date(at).toLocaleTimeString();

/** What was seen: series by name, each with its points in time. Amounts stay texts. */
export class History {
  /** `alias` is the viewer's own; under it he is no rival. */
  constructor(alias) {
    this.alias = alias;
    this.series = new Map();
  }

  /** Note the amounts of a standing, where they are others than before. */
  note(standing, at) {
    if (standing.viewer === "bidder" && standing.amount) this.add("own", "You", at, standing.amount);
    if (standing.best_price) this.add("best", "Best price", at, standing.best_price);
    for (const each of standing.standings ?? []) this.add("standing", each.alias, at, each.amount);
  }

  add(kind, name, at, money) {
    if (kind === "standing" && name === this.alias) return;
    const key = `${kind} ${name}`;
    if (!this.series.has(key)) this.series.set(key, { kind, name, points: [] });
    const { points } = this.series.get(key);
    if (points.at(-1)?.amount !== money.amount) points.push({ at, ...money });
  }

  /** Take what the server tells of the time before this page was opened. */
  take(told) {
    for (const each of told.series) {
      const name = { own: "You", best: "Best price" }[each.kind] ?? each.alias;
      for (const point of each.points) this.add(each.kind, name, Date.parse(point.at), point.amount);
    }
  }

  points() {
    const all = [...this.series.values()].flatMap(({ kind, name, points }) =>
      points.map((point) => ({ kind, name, ...point })));
    return all.sort((a, b) => b.at - a.at);
  }

  /** Draw into an SVG element up to an instant; give the summary in words. */
  draw(svg, until) {
    svg.replaceChildren();
    const points = this.points();
    if (!points.length) return "No bids yet.";
    const width = Math.max(NARROWEST, svg.clientWidth); // so that a letter is a letter's size
    svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    const from = points.at(-1).at;
    const amounts = points.map((point) => Number(point.amount)); // for pixels alone
    const [low, high] = [Math.min(...amounts), Math.max(...amounts)];
    const spread = high - low || Math.max(high * 0.02, 1);
    const end = Math.max(until, from + 1_000, points[0].at);
    const x = (at) => LEFT + ((at - from) / (end - from)) * (width - LEFT - RIGHT);
    const y = (amount) => TOP + ((high - amount) / spread) * (HEIGHT - TOP - BOTTOM);
    for (const edge of low === high ? [high] : [high, low]) {
      svg.append(element("line", { class: "axis", x1: LEFT, x2: width - RIGHT, y1: y(edge), y2: y(edge) }));
      svg.append(element("text", { x: LEFT - 6, y: y(edge) + 4, "text-anchor": "end" }, edge.toLocaleString()));
    }
    svg.append(element("text", { x: LEFT, y: HEIGHT - 8 }, time(from)));
    svg.append(element("text", { x: width - RIGHT, y: HEIGHT - 8, "text-anchor": "end" }, time(end)));
    const order = ["standing", "best", "own"];
    const drawn = [...this.series.values()].sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
    for (const { kind, points: steps } of drawn) {
      let line = `M${x(steps[0].at)} ${y(Number(steps[0].amount))}`;
      for (const step of steps.slice(1)) line += `H${x(step.at)}V${y(Number(step.amount))}`;
      svg.append(element("path", { class: kind, d: `${line}H${x(end)}` }));
      if (kind !== "own") continue;
      for (const step of steps) {
        svg.append(element("circle", { cx: x(step.at), cy: y(Number(step.amount)), r: 4 }));
      }
    }
    const lowest = points.reduce((a, b) => (Number(b.amount) < Number(a.amount) ? b : a));
    return `Since ${time(from)}; the lowest is ${lowest.amount} ${lowest.currency} (${lowest.name}).`;
  }
}
