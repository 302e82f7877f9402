// Shared by the composer and the editor of a message.

/** Enter sends and Shift+Enter breaks the line; the Enter that ends an input method's composition does neither. */
export function isSubmitKey(event) {
  return event.key === "Enter" && !event.shiftKey && !event.isComposing && event.keyCode !== 229;
}

/** Keeps a text area as high as its text, up to the maximum in the style sheet. */
export function growWithText(textArea) {
  const grow = () => {
    textArea.style.height = "auto";
    textArea.style.height = `${textArea.scrollHeight + textArea.offsetHeight - textArea.clientHeight}px`;
  };
  textArea.addEventListener("input", grow);
  grow();
}
