// What a reading page does by itself: it asks bets and keeps the answer folded away, and serves the keyboard.

import quiz from "./quiz.js";

const CHOICES = "course-choices"; // key -> choice, kept by the browser so that nobody is asked twice

function kept() {
  try {
    return JSON.parse(localStorage.getItem(CHOICES)) ?? {};
  } catch {
    return {};
  }
}

function keep(chosen) {
  try {
    localStorage.setItem(CHOICES, JSON.stringify({ ...kept(), ...chosen }));
  } catch { /* a visitor without storage is asked again */ }
}

// Stands in for the model that a kernel would keep. Nothing runs here, so a bet is told at once.
function modelOf(questions, whenChosen) {
  const keys = questions.map((question) => question.key);
  const chosen = Object.fromEntries(Object.entries(kept()).filter(([key]) => keys.includes(key)));
  const values = { questions, chosen, told: true, score: "" };
  const listeners = {};
  return {
    get: (name) => values[name],
    on: (event, listener) => (listeners[event] ??= []).push(listener),
    set(name, value) {
      values[name] = value;
      if (name === "chosen") keep(value);
      for (const listener of listeners[`change:${name}`] ?? []) listener();
      if (name === "chosen") whenChosen();
    },
    save_changes() {},
  };
}

// The part that holds the answer, when this is a bet.
function answerTo(place) {
  const next = place.closest(".cell")?.nextElementSibling;
  return next?.classList.contains("after-bet") ? next : null;
}

function open(answer) {
  answer?.previousElementSibling.matches(".fold") && answer.previousElementSibling.remove();
  answer?.classList.add("open");
  scrollers();
}

function fold(answer) {
  const line = document.createElement("p");
  line.className = "fold";
  line.textContent = "What happens is told when you have chosen. ";
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Show it without a bet";
  button.addEventListener("click", () => {
    open(answer);
    answer.tabIndex = -1;
    answer.focus({ preventScroll: true });
  });
  line.append(button);
  answer.before(line);
}

function ask(place) {
  const questions = JSON.parse(place.querySelector("script").textContent);
  const answer = answerTo(place);
  const model = modelOf(questions, () => open(answer));
  const el = document.createElement("div");
  place.replaceChildren(el);
  quiz.render({ model, el });
  if (!answer) return;
  if (Object.keys(model.get("chosen")).length) open(answer);
  else fold(answer);
}

// A link that leads into a folded part opens it.
function follow() {
  const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  for (let answer = target.closest(".after-bet"); answer; answer = answer.parentElement.closest(".after-bet")) open(answer);
  target.scrollIntoView();
}

// What is wider than its place can be scrolled by keyboard as well, and says what it is.
function scrollers() {
  for (const part of document.querySelectorAll("article :is(pre, .table-wrapper, .math, .cell_output .output)")) {
    const scrolls = part.scrollWidth > part.clientWidth + 1 && getComputedStyle(part).overflowX !== "visible";
    if (scrolls) part.tabIndex = 0;
    else part.removeAttribute("tabindex");
  }
}

// The theme opens its two menus by labels of hidden boxes: a mouse finds them. Here they become buttons.
function becomeButton(label) {
  const box = document.getElementById(label.htmlFor);
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: label.className });
  button.setAttribute("aria-label", box.name === "__navigation" ? "All pages" : "On this page");
  button.append(...label.childNodes);
  label.replaceWith(button);
  const say = () => button.setAttribute("aria-expanded", String(box.checked));
  button.addEventListener("click", () => box.click());
  box.addEventListener("change", say);
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !box.checked || !button.checkVisibility()) return;
    box.click();
    button.focus();
  });
  say();
}

document.querySelectorAll("label:is(.nav-overlay-icon, .toc-overlay-icon)").forEach(becomeButton);
const again = new URLSearchParams(location.search).get("q");
const words = document.getElementById("search-again");
if (words) words.value = again ?? "";
document.querySelectorAll(".quiz-here").forEach(ask);
follow();
addEventListener("hashchange", follow);
addEventListener("resize", scrollers);
scrollers();
