// The room: signs in, follows the auction, bids. What is shown is what the server sent.

import { Channel, ServerClock, duration } from "./channel.js";
import { LotList } from "./lots.js";
import { History } from "./plot.js";
import { ProxyBox } from "./proxy.js";
import { rulesOf } from "./rules.js";
import { NO_AMOUNT, amountOf, freshKey, persist, problemOf } from "./sending.js";

const auction = location.pathname.split("/")[2];
const path = `/v1/auctions/${auction}`;
const SIGNED_IN = "room.signed-in"; // only that there is a session; no script can read its cookie
const MESSAGES_KEPT = 200;
const SIGNED_OUT = "Your session has ended; sign in again.";
const $ = (id) => document.getElementById(id);
const money = ({ amount, currency }) => `${amount} ${currency}`;
const time = (at) => new Date(at).toLocaleTimeString();

const clock = new ServerClock();
const lots = new Map(); // what is known of each lot: terms, alias, standing, history
let channel, me, list, proxyBox;
let lot; // the one that is shown

// Signing in

function showSignIn(why = "") {
  channel?.close();
  channel = undefined;
  localStorage.removeItem(SIGNED_IN);
  $("room").hidden = $("who").hidden = true;
  $("sign-in").hidden = false;
  $("sign-in-error").textContent = why;
  tell("none");
  $("key").focus();
}

$("sign-in-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const authorization = `Bearer ${$("key").value.trim()}`;
  $("key").value = "";
  $("sign-in-error").textContent = "";
  try {
    const answer = await fetch("/v1/sessions", { method: "POST", headers: { authorization } });
    if (!answer.ok) return showSignIn(await problemOf(answer));
  } catch {
    return showSignIn("The server cannot be reached.");
  }
  localStorage.setItem(SIGNED_IN, "yes");
  await enter();
});

$("sign-out").addEventListener("click", async () => {
  await fetch("/v1/sessions", { method: "DELETE" }).catch(() => null);
  showSignIn();
});

async function ask(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(answer.status === 401 ? "" : await problemOf(answer));
  return answer.json();
}

/** Show a lot; what came before this page was opened is asked for when it is first shown. */
async function choose(id) {
  if (lot?.id === id) return;
  const chosen = (lot = lots.get(id));
  if (lots.size > 1) history.replaceState(null, "", `#${id}`);
  $("bid-amount").value = $("bid-result").textContent = "";
  refuse("");
  proxyBox?.leave();
  proxyBox = new ProxyBox(path, id, () => showSignIn(SIGNED_OUT));
  $("rules").replaceChildren(...rulesOf(lot.terms).map((rule) => {
    const item = document.createElement("li");
    item.textContent = rule;
    return item;
  }));
  if (lot.standing) show();
  if (lot.past) return;
  try {
    const [past, messages] = await Promise.all(
      ["history", "messages"].map((what) => ask(`${path}/${what}?lot_id=${id}`)),
    );
    chosen.past = new History(chosen.alias);
    chosen.past.take(past);
    messages.items.forEach((message) => tellMessage(chosen, message));
    if (chosen.standing) chosen.past.note(chosen.standing, clock.now());
    if (chosen === lot && chosen.standing) show();
  } catch (error) {
    if (!channel) throw error; // entering failed; later the plot is missing and the rest goes on
  }
}

async function enter() {
  try {
    let shown;
    [me, shown] = await Promise.all([ask("/v1/me"), ask(path)]);
    lots.clear();
    for (const each of shown.lots) lots.set(each.id, { ...each, told: 0 });
    list = new LotList([...lots.values()], choose);
    $("messages").replaceChildren();
    lot = undefined;
    await choose(lots.has(location.hash.slice(1)) ? location.hash.slice(1) : shown.lots[0].id);
    document.title = $("title").textContent = shown.title;
    $("who-name").textContent = `${me.member.name}, ${me.company.name}`;
  } catch (error) {
    return showSignIn(error instanceof TypeError ? "The server cannot be reached." : error.message);
  }
  $("sign-in").hidden = true;
  $("room").hidden = $("who").hidden = false;
  channel = new Channel(path, [...lots.keys()], {
    take, tell, signedOut: () => showSignIn(SIGNED_OUT),
  });
  tell("connecting");
  channel.open();
}

// What comes

const CONNECTION = {
  none: "",
  connecting: "Connecting",
  live: "Live",
  polling: "The live channel is cut: asking every second",
  away: "No connection: what you see may be old",
};

function tell(state) {
  if ($("connection").dataset.state === state) return;
  $("connection").dataset.state = state;
  $("connection").textContent = CONNECTION[state];
}

function take(message) {
  clock.hear(message.server_at);
  const of = lots.get(message.lot_id);
  if (!of || message.type === "heartbeat") return;
  const before = of.standing;
  if (message.type === "snapshot") of.standing = message.standing;
  else {
    const standing = (of.standing = { ...before, ...message.changes, number: message.number });
    for (const name of Object.keys(standing)) if (standing[name] === null) delete standing[name];
  }
  if (before && before.number === of.standing.number) return;
  report(of, before);
  of.past?.note(of.standing, Date.parse(message.server_at));
  if (of === lot) show();
}

/** Say in words what changed of a lot. */
function report(of, before) {
  const { standing } = of;
  if (!before) return sayOf(of, `You entered; the auction is ${standing.phase}.`);
  if (before.phase !== standing.phase) sayOf(of, `The auction is ${standing.phase}.`);
  if (before.waits && !standing.waits) sayOf(of, `It starts at ${time(standing.starts_at)}.`);
  if (before.closes_at !== standing.closes_at) sayOf(of, `It closes at ${time(standing.closes_at)} now.`);
  if (!before.paused_at && standing.paused_at) sayOf(of, `The auction is paused: ${standing.paused_because}`);
  if (before.paused_at && !standing.paused_at) sayOf(of, "The auction goes on.");
  if (standing.notice && standing.notice.number > of.told) hear(of, standing.notice);
  if (standing.viewer === "bidder" && before.rank !== standing.rank && standing.rank) {
    sayOf(of, before.rank ? `Your rank is ${standing.rank}; it was ${before.rank}.` : `Your rank is ${standing.rank}.`);
  }
  if (standing.viewer === "owner") {
    const known = new Map(before.standings.map((each) => [each.alias, each.amount.amount]));
    for (const each of standing.standings) {
      if (known.get(each.alias) !== each.amount.amount) sayOf(of, `${each.alias} bids ${money(each.amount)}.`);
    }
  }
}

/** Say what the buyer tells all; where several came at once the ones between are asked for. */
async function hear(of, notice) {
  if (notice.number === of.told + 1) return tellMessage(of, notice);
  const answer = await fetch(`${path}/messages?lot_id=${of.id}`).catch(() => null);
  if (answer?.ok) (await answer.json()).items.forEach((message) => tellMessage(of, message));
}

function tellMessage(of, { number, at, text }) {
  if (number <= of.told) return;
  of.told = number;
  sayOf(of, `The buyer: ${text}`, at);
}

/** Say something of a lot; where there are several it is named. */
function sayOf(of, words, when) {
  say(lots.size > 1 ? `${of.title}: ${words}` : words, when);
}

function say(words, when = clock.now()) {
  const item = document.createElement("li");
  const at = document.createElement("time");
  at.textContent = time(when);
  item.append(at, words);
  $("messages").prepend(item);
  while ($("messages").children.length > MESSAGES_KEPT) $("messages").lastChild.remove();
}

// What is shown

const PHASES = { scheduled: "Not started yet", open: "Open", closed: "Closed", cancelled: "Cancelled" };

function show() {
  const { standing } = lot;
  const bidder = standing.viewer === "bidder";
  const phase = standing.paused_at ? `Paused: ${standing.paused_because}` : PHASES[standing.phase] ?? standing.phase;
  $("phase").textContent = standing.out ? "You are out" : phase;
  $("own").hidden = !bidder;
  if (bidder) showOwn();
  showBoard();
  draw();
  showTable();
  tick();
}

function showOwn() {
  const { standing, terms } = lot;
  const { rank, amount, best_price: best, proxy, limit, floor, phase, out } = standing;
  $("rank").textContent = rank ?? "–";
  $("amount").textContent = amount ? money(amount) : "none yet";
  for (const [name, value] of [["best", best], ["proxy", proxy]]) {
    $(`${name}-row`).hidden = !value;
    if (value) $(name).textContent = money(value);
  }
  const may = me.scopes.includes("bids:write");
  const open = may && phase === "open" && !out;
  $("bid-form").hidden = !open;
  $("no-bidding").hidden = !$("bid-form").hidden;
  $("no-bidding").textContent = may
    ? { scheduled: "Bids are taken from the start on.", open: "You cannot bid any more." }[phase] ?? "No more bids are taken."
    : "You may watch; your role does not bid.";
  showCalled();
  const words = limit ? `At most ${money(limit)}` : "You cannot go lower";
  $("limit").textContent = floor ? `${words}, at least ${money(floor)}.` : `${words}.`;
  const { currency } = limit ?? amount ?? terms.ceiling;
  $("currency").textContent = currency;
  proxyBox.show(open && terms.proxies && !standing.paused_at, currency, proxy);
}

/** Where the auction calls prices, a bid is to take the one that is called. */
function showCalled() {
  const { standing, terms } = lot;
  const called = standing.stage?.price;
  $("bid-amount").readOnly = Boolean(called);
  if (called) $("bid-amount").value = called.amount;
  $("bid-button").textContent = called ? { dutch: "Take it", japanese: "Stay in" }[terms.format] ?? "Bid" : "Bid";
  $("bid-button").disabled = mayNotBid();
}

const mayNotBid = () => !lot.standing?.limit || Boolean(lot.standing.paused_at);

function row(cells, mine = false) {
  const made = document.createElement("tr");
  made.className = mine ? "mine" : "";
  cells.forEach((text, place) => {
    const cell = document.createElement("td");
    cell.textContent = text;
    if (place === 2) cell.className = "number";
    made.append(cell);
  });
  return made;
}

function showBoard() {
  const { standing, alias } = lot;
  const rows = standing.standings;
  $("board").hidden = !rows;
  if (!rows) return;
  const owner = standing.viewer === "owner";
  const invited = owner ? ` of ${standing.participants} invited` : "";
  $("board-caption").textContent = `${rows.length} bidders${invited}`;
  $("board-rows").replaceChildren(...rows.map((each) => {
    const mine = !owner && each.alias === alias;
    return row([each.rank, mine ? `${each.alias} (you)` : each.alias, money(each.amount)], mine);
  }));
}

function draw() {
  if (!lot?.standing || !lot.past || $("room").hidden) return;
  const { standing } = lot;
  const ended = standing.phase !== "open" && Date.parse(standing.closes_at);
  $("plot-summary").textContent = lot.past.draw($("plot"), ended || clock.now());
}

function showTable() {
  const points = (lot.past?.points() ?? []).slice(0, MESSAGES_KEPT);
  $("history-rows").replaceChildren(...points.map((each) => row([time(each.at), each.name, money(each)])));
}

function tick() {
  list?.show(lot, clock.now());
  if (!lot?.standing || $("room").hidden) return;
  const { standing } = lot;
  const { phase, paused_at: paused, stage } = standing;
  const target = { scheduled: standing.starts_at, open: stage?.until ?? standing.closes_at }[phase];
  $("clock-label").textContent = { scheduled: "Starts in", open: stage ? `Round ${stage.round} ends in` : "Time left" }[phase] ?? "The end";
  if (standing.waits) return showWait();
  const left = target && !paused ? Math.max(0, Date.parse(target) - clock.now()) : null;
  $("time").textContent = paused ? "Paused" : left === null ? PHASES[phase] : duration(left);
  $("time").classList.toggle("soon", phase === "open" && left !== null && left < 60_000);
  $("closes").textContent = phase === "open"
    ? `${stage?.price ? `The price called is ${money(stage.price)}. ` : ""}Closes at ${time(standing.closes_at)}${standing.extensions ? `, extended ${standing.extensions} times` : ""}; the server's time is ${time(clock.now())}.`
    : `Server's time ${time(clock.now())}.`;
}

/** Of a lot that waits for another nobody knows yet when it starts. */
function showWait() {
  $("clock-label").textContent = "Starts";
  $("time").textContent = "After the lot before";
  $("time").classList.remove("soon");
  $("closes").textContent = `Planned for ${time(lot.standing.starts_at)}.`;
}

setInterval(tick, 250);
setInterval(draw, 5_000);
addEventListener("resize", draw);

// Bidding

$("bid-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const amount = amountOf($("bid-amount").value);
  refuse("");
  $("bid-result").textContent = "";
  if (amount === null) return refuse(NO_AMOUNT);
  $("bid-button").disabled = true;
  $("bid-result").textContent = "Sending …";
  try {
    await send(amount);
  } finally {
    $("bid-button").disabled = mayNotBid();
  }
});

function refuse(why) {
  $("bid-error").textContent = why;
  $("bid-amount").setAttribute("aria-invalid", String(Boolean(why)));
  if (why) $("bid-result").textContent = "";
}

/** Send a bid; while its fate is unknown it is sent again under the same key, which is safe. */
async function send(amount) {
  const of = lot;
  const [currency, key] = [$("currency").textContent, freshKey()];
  const body = { amount: { amount, currency }, lot_id: of.id };
  const answer = await persist("POST", `${path}/bids`, body, key, () => {
    tellBid(of, "No answer yet; the same bid is sent again. It counts once.");
  });
  if (!answer) return lookUp(of, key, amount);
  if (answer.status === 401) return showSignIn(SIGNED_OUT);
  if (!answer.ok) return tellBid(of, await problemOf(answer), true);
  const bid = await answer.json();
  tellBid(of, `${money(bid.amount)} stands since ${time(bid.decided_at)}.`);
  if (of === lot) $("bid-amount").value = "";
}

async function lookUp(of, key, amount) {
  const answer = await fetch(`${path}/bids/by-key/${key}?lot_id=${of.id}`).catch(() => null);
  if (answer?.ok) {
    const bid = await answer.json();
    if (bid.outcome === "accepted") tellBid(of, `${money(bid.amount)} stands.`);
    else tellBid(of, bid.refusal.detail, true);
  } else if (answer?.status === 404) tellBid(of, `The bid of ${amount} was not taken. Bid again.`, true);
  else tellBid(of, `It is unknown whether the bid of ${amount} was taken: the server does not answer. Your rank will tell.`, true);
}

/** Say what became of a bid: beside the box, or as a message where another lot is shown by now. */
function tellBid(of, words, refused = false) {
  if (of !== lot) sayOf(of, words);
  else if (refused) refuse(words);
  else $("bid-result").textContent = words;
}

if (localStorage.getItem(SIGNED_IN)) enter();
else showSignIn();
