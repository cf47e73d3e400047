/** Enter while an input method is composing picks a word; it must not submit. */
import type { KeyboardEvent } from "react";

const IME_KEY_CODE = 229;

export const isComposing = (event: KeyboardEvent): boolean =>
  event.nativeEvent.isComposing || event.nativeEvent.keyCode === IME_KEY_CODE;
