// Questions answered by pressing a button. The page answers by itself; the kernel keeps the score, and knows when
// the cell after a bet has run.

// A bet is answered by the run of the next cell; until then it only says that it was heard.
function acknowledge(model, status, question, picked) {
  const choice = question.choices[picked];
  status.innerHTML = `<p>Recorded: <strong>${choice.text}</strong>. Run the next cell to see what happens.</p>`;
  const now = make("button", { type: "button", className: "quiz-now", textContent: "Tell me now" }, status);
  now.addEventListener("click", () => {
    model.set("told", true);
    model.save_changes();
    status.closest(".quiz-question").querySelector("[aria-pressed=true]").focus({ preventScroll: true });
  });
}

function reveal(status, question, picked) {
  const choice = question.choices[picked];
  const right = picked === question.answer;
  const predicted = question.kind === "bet" ? "You predicted" : "Your answer";
  const actual = question.kind === "bet" ? "What happens" : "The answer";
  const verdict = right ? "✓ As you said." : question.kind === "bet" ? "✕ A surprise." : "✕ Not this one.";
  status.innerHTML = `
    <p class="quiz-verdict"><strong>${verdict}</strong></p>
    <dl class="quiz-pair"><div><dt>${predicted}</dt><dd>${choice.text}</dd></div>
    <div><dt>${actual}</dt><dd>${question.actual}</dd></div></dl>
    <p>${choice.feedback}</p>${question.explanation}`;
}

function ask(model, question, number, el) {
  const block = make("div", { className: "quiz-question" }, el);
  const prompt = make("div", { innerHTML: question.prompt, id: `quiz-${question.key}-${number}` }, block);
  const group = make("div", { className: "quiz-choices", role: "group" }, block);
  group.setAttribute("aria-labelledby", prompt.id);
  const status = make("div", { className: "quiz-status", role: "status" }, block);
  const buttons = question.choices.map((choice, index) => {
    const button = make("button", { type: "button", innerHTML: choice.text }, group);
    button.addEventListener("click", () => {
      model.set("chosen", { ...model.get("chosen"), [question.key]: index });
      model.save_changes();
    });
    return button;
  });
  return () => {
    const picked = model.get("chosen")[question.key];
    const told = question.kind !== "bet" || model.get("told");
    buttons.forEach((button, index) => button.setAttribute("aria-pressed", String(index === picked)));
    const shown = `${picked} ${told}`;
    if (picked === undefined || status.dataset.shown === shown) return;
    status.dataset.shown = shown;
    if (told) reveal(status, question, picked);
    else acknowledge(model, status, question, picked);
  };
}

let views = 0;

function render({ model, el }) {
  el.classList.add("course-quiz");
  keepKeys(el);
  const view = ++views;
  const updates = model.get("questions").map((question) => ask(model, question, view, el));
  const score = make("p", { className: "quiz-score", role: "status" }, el);
  const update = () => updates.forEach((one) => one());
  model.on("change:chosen", update);
  model.on("change:told", update);
  model.on("change:score", () => (score.textContent = model.get("score")));
  update();
  score.textContent = model.get("score");
}

export default { render };
