// How the parts of a page are made: for quiz.js, core.js and the site's front page, which stand after it.

export function make(tag, attributes, parent) {
  const node = Object.assign(document.createElement(tag), attributes);
  parent?.append(node);
  return node;
}
