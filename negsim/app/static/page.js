// What does the page do? It asks the server about what is chosen on it, and puts the answers in their places.
"use strict";

const at = (id) => document.getElementById(id);
const state = {case: null, settings: {}, step: 0, steps: 0, view: "history", change: {}};
const windowName = Math.random().toString(36).slice(2);
let asked = 0;      // questions so far: an answer to an earlier one than the last of its kind is dropped
let sliders = [];
const latest = {};

// -- asking --------------------------------------------------------------------------------------------------------

function question(more) {
  return {case: state.case, settings: state.settings, seed: whole("seed"), run: whole("run"), runs: Number(at("runs").value),
          step: state.step, change: state.change, window: windowName, number: ++asked, ...more};
}

// What is no whole number goes to the server as it was written: it says what is allowed.
function whole(id) {
  const text = at(id).value;
  return text.trim() === "" ? null : Number(text);
}

async function post(path, body) {
  return fetch(path, {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body)});
}

async function ask(path, more = {}) {
  const body = question(more);
  latest[path] = body.number;
  at("busy").textContent = "Working…";
  let answer = {};
  try {
    answer = await (await post(path, body)).json();
  } catch (error) {
    answer = {problems: "<p>The server does not answer. Is <code>negsim app</code> still running?</p>"};
  }
  if (latest[path] !== body.number || answer.superseded) return null;
  at("busy").textContent = "";
  if (answer.problems || body.number === asked) {   // what an earlier answer does not complain of may still be wrong
    at("problems").hidden = !answer.problems;
    at("problems").innerHTML = answer.problems || "";
  }
  if (answer.problems) return null;
  for (const [id, html] of Object.entries(answer.html || {})) keepFocus(() => { at(id).innerHTML = html; });
  return answer;
}

// A list that is drawn anew would lose the place of whoever goes through it by keyboard.
function keepFocus(change) {
  const step = document.activeElement && document.activeElement.dataset ? document.activeElement.dataset.step : null;
  change();
  if (step) { const again = document.querySelector(`[data-step="${step}"]`); if (again) again.focus({preventScroll: true}); }
}

// -- the views -----------------------------------------------------------------------------------------------------

let walking = false, again = false;

// One question at a time: whoever clicks two hundred times sees the last, not two hundred in a row.
async function showHistory() {
  if (walking) { again = true; return; }
  walking = true;
  do {
    again = false;
    const answer = await ask("history");
    if (answer) {
      state.steps = answer.steps;
      state.step = Math.min(state.step, answer.steps);
      at("at").max = answer.steps;
      at("at").value = state.step;
      at("back").disabled = at("first").disabled = state.step === 0;
      at("step").disabled = state.step === answer.steps;
      const current = document.querySelector(".feed .current");
      if (current) current.parentNode.scrollTop = current.offsetTop - current.parentNode.clientHeight / 2;
    }
  } while (again);
  walking = false;
}

let slow = false;   // whether the last ensemble took so long that a first look at fewer runs is worth its while

async function showMany(path) {
  const runs = Number(at("runs").value), began = performance.now();
  if (slow && runs > 100) await ask(path, {runs: 100});
  const answer = await ask(path, {runs});
  if (answer) slow = performance.now() - began > 1000;
}

function show() {
  for (const view of ["history", "ensemble", "comparison"]) {
    at(`view-${view}`).hidden = view !== state.view;
    at(`tab-${view}`).setAttribute("aria-selected", view === state.view);
    at(`tab-${view}`).tabIndex = view === state.view ? 0 : -1;
  }
  if (state.view === "history") return showHistory();
  if (state.view === "comparison") readChange();
  return showMany(state.view);
}

let waiting = null;
function showSoon() {
  clearTimeout(waiting);
  waiting = setTimeout(show, 120);
}

function walkTo(step) {
  state.step = Math.max(0, state.steps ? Math.min(step, state.steps) : step);
  at("at").value = state.step;
  return showHistory();
}

let playing = null;
function play(on) {
  clearInterval(playing);
  playing = on ? setInterval(() => state.step < state.steps ? walkTo(state.step + 1) : play(false), 700) : null;
  at("play").setAttribute("aria-pressed", on);
  at("play").textContent = on ? "Pause" : "Play";
}

// -- the case ------------------------------------------------------------------------------------------------------

async function openCase(chosen) {
  const before = state.case, settings = state.settings;
  state.case = chosen;
  state.settings = {};
  const answer = await ask("case");
  if (!answer) {       // stay with the case that works
    state.case = before;
    state.settings = settings;
    return false;
  }
  state.step = 0;
  state.steps = 0;
  sliders = answer.sliders;
  at("others").textContent = "";
  at("numbers").replaceChildren(...answer.numbers.map((name) => new Option(name)));
  fillChanges(answer);
  play(false);
  await show();
  return true;
}

function fillChanges(answer) {
  const named = sliders.map((slider) => [slider.name, slider.label]);
  const paths = answer.numbers.filter((name) => !sliders.some((slider) => slider.name === name)).map((name) => [name, name]);
  const groups = [["What if …", "question", Object.entries(answer.questions)], ["A number is another", "numbers", named],
                  ["Never happens", "ban", Object.entries(answer.moves)], ["Any number, by its key path", "numbers", paths]];
  at("change").replaceChildren(...groups.filter(([, , entries]) => entries.length).map(([label, kind, entries]) => {
    const group = document.createElement("optgroup");
    group.label = label;
    for (const [value, text] of entries) { const option = new Option(text || value, value); option.dataset.kind = kind; group.append(option); }
    return group;
  }));
  chooseChange();
}

// A change begins as twice the number, or as 1 where it is nothing.
function chooseChange() {
  const option = at("change").selectedOptions[0];
  at("to").hidden = !option || option.dataset.kind !== "numbers";
  at("range").textContent = "";
  if (at("to").hidden) return;
  const field = document.querySelector(`#sliders input[type=number][data-name="${CSS.escape(at("change").value)}"]`);
  const from = field ? Number(field.dataset.default) : 0;
  at("becomes").value = from ? 2 * from : 1;
  at("range").textContent = field ? `${field.dataset.default} in the case; ${document.getElementById(field.id.replace("field", "prior")).textContent}` : "";
}

function readChange() {
  const option = at("change").selectedOptions[0], value = at("becomes").value;
  const isNumber = option && option.dataset.kind === "numbers";
  if (!option || (isNumber && value === "")) state.change = {};
  else state.change = {[option.dataset.kind]: isNumber ? {[option.value]: Number(value)} : option.value};
}

// -- numbers -------------------------------------------------------------------------------------------------------

function setNumber(name, value, input) {
  state.settings = {...state.settings, [name]: value};
  for (const other of document.querySelectorAll(`#sliders [data-name="${CSS.escape(name)}"]`)) {
    if (other !== input) other.value = value;
    if (Number(other.dataset.default) === value) delete state.settings[name];
  }
  showSoon();
}

function reset() {
  state.settings = {};
  at("others").textContent = "";
  for (const input of document.querySelectorAll("#sliders input")) input.value = input.dataset.default;
  showSoon();
}

function setOther() {
  const name = at("path").value.trim(), value = at("value").value;
  if (!name || value === "") return;
  setNumber(name, Number(value), null);
  const button = document.createElement("button"), line = document.createElement("li");
  button.type = "button";
  button.textContent = "Remove";
  button.addEventListener("click", () => { delete state.settings[name]; line.remove(); showSoon(); });
  line.append(`${name} = ${value} `, button);
  at("others").append(line);
}

// -- files ---------------------------------------------------------------------------------------------------------

async function readFile() {
  const [file] = at("open").files;
  at("open").value = "";
  if (!file) return;
  const text = file.size > 2e6 ? "x".repeat(1000001) : await file.text();   // the server says what is allowed
  if (await openCase({text, file: file.name})) {
    const option = new Option(`${file.name} (opened here)`, "");
    option.file = state.case;
    at("case").append(option);
    option.selected = true;
  }
}

async function download(path) {
  at("busy").textContent = "Working…";
  const reply = await post(path, question({number: asked}));
  at("busy").textContent = "";
  if (!reply.ok) {
    at("problems").hidden = false;
    at("problems").innerHTML = (await reply.json()).problems || "<p>Something newer was asked meanwhile. Try again.</p>";
    return;
  }
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await reply.blob());
  link.download = reply.headers.get("Content-Disposition").split('"')[1];
  link.click();
  URL.revokeObjectURL(link.href);
}

// -- what is connected to what -------------------------------------------------------------------------------------

function on(id, event, act) { at(id).addEventListener(event, act); }

function connect() {
  on("case", "change", async () => {
    const option = at("case").selectedOptions[0];
    if (!await openCase(option.file || {name: option.value})) selectCase();
  });
  on("open", "change", readFile);
  on("seed", "change", show);
  on("run", "change", () => { state.step = 0; return show(); });
  on("runs", "change", show);
  on("first", "click", () => walkTo(0));
  on("back", "click", () => walkTo(state.step - 1));
  on("step", "click", () => walkTo(state.step + 1));
  on("play", "click", () => play(!playing));
  on("at", "input", () => walkTo(Number(at("at").value)));
  on("change", "change", () => { chooseChange(); return show(); });
  on("becomes", "change", show);
  on("reset", "click", reset);
  on("set", "click", setOther);
  on("history", "click", (event) => {
    const button = event.target.closest("[data-step]");
    if (button) walkTo(Number(button.dataset.step));
  });
  on("sliders", "input", (event) => {
    const value = Number(event.target.value);
    if (event.target.dataset.name && event.target.value !== "") setNumber(event.target.dataset.name, value, event.target);
  });
  for (const button of document.querySelectorAll("[data-file]")) button.addEventListener("click", () => download(button.dataset.file));
  const tabs = [...document.querySelectorAll("[role=tab]")];
  tabs.forEach((tab, number) => {
    tab.addEventListener("click", () => { state.view = tab.id.slice(4); return show(); });
    tab.addEventListener("keydown", (event) => {
      const move = {ArrowRight: 1, ArrowLeft: -1}[event.key];
      if (move) { const next = tabs[(number + move + tabs.length) % tabs.length]; next.focus(); next.click(); }
    });
  });
}

function selectCase() {
  const option = [...at("case").options].find((one) => one.file === state.case || (state.case && one.value && one.value === state.case.name));
  if (option) option.selected = true;
}

async function begin() {
  connect();
  const start = await (await fetch("start")).json();
  at("case").replaceChildren(...Object.entries(start.cases).map(([name, title]) => new Option(title || name, name)));
  at("case").value = start.first;
  await openCase({name: start.first});
}

begin();
