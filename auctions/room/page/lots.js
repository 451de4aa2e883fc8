// The list of an auction's lots: each with its clock and where one stands, to switch between.

import { duration } from "./channel.js";

const $ = (id) => document.getElementById(id);
const PHASES = { closed: "Closed", cancelled: "Cancelled" };

/** Say how a lot's clock stands. */
function clockOf(standing, now) {
  if (!standing) return "–";
  const { phase, paused_at: paused, stage } = standing;
  if (paused) return "Paused";
  if (standing.waits) return "After the lot before";
  const target = { scheduled: standing.starts_at, open: stage?.until ?? standing.closes_at }[phase];
  if (!target) return PHASES[phase] ?? phase;
  const left = duration(Math.max(0, Date.parse(target) - now));
  return phase === "scheduled" ? `Starts in ${left}` : left;
}

/** Say where the viewer stands in a lot, or what leads where he is the buyer. */
function placeOf(standing) {
  if (!standing) return "";
  if (standing.viewer === "bidder") return standing.rank ? `Rank ${standing.rank}` : standing.amount ? "Bid" : "No bid yet";
  const leading = standing.standings?.[0]?.amount;
  return leading ? `${leading.amount} ${leading.currency}` : "No bids";
}

export class LotList {
  /** `choose(id)` is called when somebody wants to see another lot. */
  constructor(lots, choose) {
    $("lots").hidden = lots.length < 2;
    this.items = new Map(lots.map((lot) => {
      const button = document.createElement("button");
      const [title, clock, place] = ["lot-title", "lot-clock", "lot-place"].map((name) => {
        const part = document.createElement("span");
        part.className = name;
        return part;
      });
      button.type = "button";
      button.append(title, clock, place);
      title.textContent = lot.title;
      button.addEventListener("click", () => choose(lot.id));
      return [lot.id, { lot, button, clock, place }];
    }));
    $("lot-list").replaceChildren(...[...this.items.values()].map(({ button }) => {
      const item = document.createElement("li");
      item.append(button);
      return item;
    }));
  }

  show(chosen, now) {
    for (const { lot, button, clock, place } of this.items.values()) {
      clock.textContent = clockOf(lot.standing, now);
      place.textContent = placeOf(lot.standing);
      button.setAttribute("aria-current", String(lot === chosen));
    }
  }
}
