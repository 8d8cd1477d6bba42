// Questions answered by pressing a button. The page answers by itself; the kernel is told and keeps the score.

function make(tag, attributes, parent) {
  const node = Object.assign(document.createElement(tag), attributes);
  parent?.append(node);
  return node;
}

function reveal(status, question, picked) {
  const choice = question.choices[picked];
  const right = picked === question.answer;
  const predicted = question.kind === "bet" ? "You predicted" : "Your answer";
  const actual = question.kind === "bet" ? "What happens" : "The answer";
  const verdict = right ? "✓ As you said." : question.kind === "bet" ? "✕ A surprise." : "✕ Not this one.";
  status.innerHTML = `
    <p><strong>${verdict}</strong></p>
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
    buttons.forEach((button, index) => button.setAttribute("aria-pressed", String(index === picked)));
    if (picked !== undefined && status.dataset.picked !== String(picked)) {
      status.dataset.picked = picked;
      reveal(status, question, picked);
    }
  };
}

let views = 0;

function render({ model, el }) {
  el.classList.add("course-quiz");
  // Letters pressed on a button would otherwise be JupyterLab's commands.
  el.addEventListener("keydown", (event) => event.key !== "Tab" && event.stopPropagation());
  const view = ++views;
  const updates = model.get("questions").map((question) => ask(model, question, view, el));
  const score = make("p", { className: "quiz-score", role: "status" }, el);
  const update = () => updates.forEach((one) => one());
  model.on("change:chosen", update);
  model.on("change:score", () => (score.textContent = model.get("score")));
  update();
  score.textContent = model.get("score");
}

export default { render };
