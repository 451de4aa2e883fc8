// The rules of a lot in words.

const FORMATS = {
  english: "Bids fall while the auction is open; the lowest at the close leads.",
  sealed: "Nobody sees any bid before the close; the lowest leads and gets what he asked.",
  vickrey: "Nobody sees any bid before the close; the lowest leads and gets what the second asked.",
  dutch: "The price rises until the first supplier takes it.",
  japanese: "The price falls; who does not stay in at a price is out.",
  staged: "In each round every bidder has his turn, the worst first.",
};
const DISCLOSURES = {
  open: "Bidders see all standing amounts under aliases, and their rank.",
  best_price: "Bidders see the best price and their own rank.",
  rank_only: "Bidders see their own rank and nothing of others.",
  own_only: "Bidders see nothing but their own bid before the close.",
};
const TIES = {
  by_time: "Of two equal bids the earlier one is ahead.",
  forbidden: "A bid that equals a standing one is refused.",
  equal_best: "Equal bids are shown the same, better rank; the earlier one wins.",
  equal_worst: "Equal bids are shown the same, worse rank; the earlier one wins.",
};
const WITHDRAWALS = {
  by_buyer: "A standing bid is struck by the buyer alone, with a reason.",
  on_request: "A bidder may ask the buyer to strike his standing bid.",
  freely: "A bidder may take his standing bid back.",
};

const money = ({ amount, currency }) => `${amount} ${currency}`;

/** Say an ISO 8601 duration in words. */
export function span(text) {
  const [, d, h, m, s] = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/.exec(text) ?? [];
  const parts = [[d, "days"], [h, "hours"], [m, "minutes"], [s, "seconds"]];
  return parts.filter(([n]) => Number(n)).map(([n, unit]) => `${n} ${unit}`).join(" ") || text;
}

const step = ({ measure, value }, currency) => (measure === "percent" ? `${value} %` : `${value} ${currency}`);

/** Give the rules as sentences, from the terms as the server tells them. */
export function rulesOf(terms) {
  const { currency } = terms.ceiling;
  const { decrement, overtime, clock, turns } = terms;
  const rules = [FORMATS[terms.format] ?? terms.format, DISCLOSURES[terms.disclosure] ?? terms.disclosure];
  if (terms.practice) rules.unshift("This is practice: nothing is awarded.");
  rules.push(`No bid above ${money(terms.ceiling)}.`);
  if (decrement) {
    const from = decrement.reference === "leader" ? "the leading bid" : "your own last bid";
    if (decrement.step) rules.push(`A bid lies at least ${step(decrement.step, currency)} below ${from}.`);
    if (decrement.maximum) rules.push(`It falls by at most ${step(decrement.maximum, currency)} at once.`);
  }
  if (clock) {
    rules.push(`Prices go from ${money(clock.first)} to ${money(clock.last)}, ${money(clock.step)} every ${span(clock.every)}.`);
  }
  if (turns) rules.push(`${turns.rounds} rounds; a turn lasts ${span(turns.turn)}.`);
  if (overtime) {
    rules.push(
      `An accepted bid that takes rank ${overtime.lowest_rank} or better in the last ${span(overtime.window)} moves the ` +
      `close by ${span(overtime.extension)}, at most ${overtime.at_most} times and ${span(overtime.total_max)} in all.`,
    );
  }
  if (terms.starting_gate) rules.push("You see others after your first bid.");
  if (terms.proxies) rules.push("A bidder may let the auction bid for him, down to a limit nobody else sees.");
  if (terms.surrogates) rules.push("The buyer may enter bids for a bidder who consents; the log says so.");
  rules.push(WITHDRAWALS[terms.withdrawals] ?? terms.withdrawals);
  rules.push(TIES[terms.ties] ?? terms.ties);
  if (terms.scoring && terms.scoring.method !== "price") rules.push("Bids are ranked by more than their amount.");
  return rules;
}
