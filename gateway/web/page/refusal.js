// Why something was not done, in a sentence that says what to do.

const sentence = (words) => words.charAt(0).toUpperCase() + words.slice(1).replace(/\.?$/, '.');

/** `error` is a ChorusError, or anything thrown; `gone`: what 404 means there. */
export function wordsOf(error, gone = 'It is gone.') {
  switch (error.status) {
    case 0:
      return 'There is no connection. Try again when it is back.';
    case 401:
      return 'Your sign-in isn’t accepted (any more). Sign in again.';
    case 403:
      return sentence(error.detail);
    case 404:
      return gone;
    case 413:
      return 'That is too long.';
    case 422:
      return sentence(error.errors?.map(({ why }) => why).join('; ') || error.detail);
    case 429:
      return `Too fast: ${error.detail}.${error.retryAfterS ? ` You can write again in ${error.retryAfterS} s.` : ''}`;
    case 503:
      return 'The server has too much to do right now. Try again in a moment.';
    default:
      return sentence(error.detail || error.message || 'something went wrong');
  }
}
