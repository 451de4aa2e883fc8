// The room: signs in, follows the auction, bids. What is shown is what the server sent.

import { Channel, ServerClock } from "./channel.js";
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
let channel, me, terms, alias, history, standing, proxyBox;
let told = 0; // the number of the buyer's message that was shown last

// Signing in

function showSignIn(why = "") {
  channel?.close();
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

async function enter() {
  const ask = async (address) => {
    const answer = await fetch(address);
    if (!answer.ok) throw new Error(answer.status === 401 ? "" : await problemOf(answer));
    return answer.json();
  };
  try {
    let shown;
    [me, shown] = await Promise.all([ask("/v1/me"), ask(path)]);
    const lot = shown.lots[0];
    [terms, alias] = [lot.terms, lot.alias];
    $("rules").replaceChildren(...rulesOf(terms).map((rule) => {
      const item = document.createElement("li");
      item.textContent = rule;
      return item;
    }));
    history = new History(alias);
    history.take(await ask(`${path}/history`));
    proxyBox = new ProxyBox(path, () => showSignIn(SIGNED_OUT));
    told = 0;
    $("messages").replaceChildren();
    (await ask(`${path}/messages`)).items.forEach(tellMessage);
    document.title = $("title").textContent = shown.title;
    $("currency").textContent = shown.currency;
    $("who-name").textContent = `${me.member.name}, ${me.company.name}`;
  } catch (error) {
    return showSignIn(error instanceof TypeError ? "The server cannot be reached." : error.message);
  }
  $("sign-in").hidden = true;
  $("room").hidden = $("who").hidden = false;
  standing = undefined;
  channel = new Channel(path, {
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
  if (message.type === "heartbeat") return;
  const before = standing;
  if (message.type === "snapshot") standing = message.standing;
  else {
    standing = { ...standing, ...message.changes, number: message.number };
    for (const name of Object.keys(standing)) if (standing[name] === null) delete standing[name];
  }
  if (before && before.number === standing.number) return;
  report(before);
  history.note(standing, Date.parse(message.server_at));
  show();
}

/** Say in words what changed. */
function report(before) {
  if (!before) return say(`You entered; the auction is ${standing.phase}.`);
  if (before.phase !== standing.phase) say(`The auction is ${standing.phase}.`);
  if (before.closes_at !== standing.closes_at) say(`It closes at ${time(standing.closes_at)} now.`);
  if (!before.paused_at && standing.paused_at) say(`The auction is paused: ${standing.paused_because}`);
  if (before.paused_at && !standing.paused_at) say("The auction goes on.");
  if (standing.notice && standing.notice.number > told) hear(standing.notice);
  if (standing.viewer === "bidder" && before.rank !== standing.rank && standing.rank) {
    say(before.rank ? `Your rank is ${standing.rank}; it was ${before.rank}.` : `Your rank is ${standing.rank}.`);
  }
  if (standing.viewer === "owner") {
    const known = new Map(before.standings.map((each) => [each.alias, each.amount.amount]));
    for (const each of standing.standings) {
      if (known.get(each.alias) !== each.amount.amount) say(`${each.alias} bids ${money(each.amount)}.`);
    }
  }
}

/** Say what the buyer tells all; where several came at once the ones between are asked for. */
async function hear(notice) {
  if (notice.number === told + 1) return tellMessage(notice);
  const answer = await fetch(`${path}/messages`).catch(() => null);
  if (answer?.ok) (await answer.json()).items.forEach(tellMessage);
}

function tellMessage({ number, at, text }) {
  if (number <= told) return;
  told = number;
  say(`The buyer: ${text}`, at);
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
  const called = standing.stage?.price;
  $("bid-amount").readOnly = Boolean(called);
  if (called) $("bid-amount").value = called.amount;
  $("bid-button").textContent = called ? { dutch: "Take it", japanese: "Stay in" }[terms.format] ?? "Bid" : "Bid";
  $("bid-button").disabled = mayNotBid();
}

const mayNotBid = () => !standing?.limit || Boolean(standing.paused_at);

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
  if (!standing || $("room").hidden) return;
  const ended = standing.phase !== "open" && Date.parse(standing.closes_at);
  $("plot-summary").textContent = history.draw($("plot"), ended || clock.now());
}

function showTable() {
  const points = history.points().slice(0, MESSAGES_KEPT);
  $("history-rows").replaceChildren(...points.map((each) => row([time(each.at), each.name, money(each)])));
}

function tick() {
  if (!standing || $("room").hidden) return;
  const { phase, paused_at: paused, stage } = standing;
  const target = { scheduled: standing.starts_at, open: stage?.until ?? standing.closes_at }[phase];
  $("clock-label").textContent = { scheduled: "Starts in", open: stage ? `Round ${stage.round} ends in` : "Time left" }[phase] ?? "The end";
  const left = target && !paused ? Math.max(0, Date.parse(target) - clock.now()) : null;
  $("time").textContent = paused ? "Paused" : left === null ? PHASES[phase] : duration(left);
  $("time").classList.toggle("soon", phase === "open" && left !== null && left < 60_000);
  $("closes").textContent = phase === "open"
    ? `${stage?.price ? `The price called is ${money(stage.price)}. ` : ""}Closes at ${time(standing.closes_at)}${standing.extensions ? `, extended ${standing.extensions} times` : ""}; the server's time is ${time(clock.now())}.`
    : `Server's time ${time(clock.now())}.`;
}

function duration(ms) {
  const seconds = Math.ceil(ms / 1_000);
  const [h, m, s] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (n) => String(n).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
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
  const currency = $("currency").textContent;
  const key = freshKey();
  const answer = await persist("POST", `${path}/bids`, { amount: { amount, currency } }, key, () => {
    $("bid-result").textContent = "No answer yet; the same bid is sent again. It counts once.";
  });
  if (!answer) return lookUp(key, amount);
  if (answer.status === 401) return showSignIn(SIGNED_OUT);
  if (!answer.ok) return refuse(await problemOf(answer));
  const bid = await answer.json();
  $("bid-result").textContent = `${money(bid.amount)} stands since ${time(bid.decided_at)}.`;
  $("bid-amount").value = "";
}

async function lookUp(key, amount) {
  const answer = await fetch(`${path}/bids/by-key/${key}`).catch(() => null);
  if (answer?.ok) {
    const bid = await answer.json();
    if (bid.outcome === "accepted") $("bid-result").textContent = `${money(bid.amount)} stands.`;
    else refuse(bid.refusal.detail);
  } else if (answer?.status === 404) refuse(`The bid of ${amount} was not taken. Bid again.`);
  else refuse(`It is unknown whether the bid of ${amount} was taken: the server does not answer. Your rank will tell.`);
}

if (localStorage.getItem(SIGNED_IN)) enter();
else showSignIn();
