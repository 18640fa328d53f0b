/**
 * English function words: they occur everywhere, so they say nothing about what a text is about.
 */
export const stopWords: ReadonlySet<string> = new Set(
  (
    "a about after all also am an and any are as at be because been before being between both but by " +
    "can could did do does doing down during each few for from further had has have having he her here " +
    "hers him his how i if in into is it its itself just me more most my no nor not of off on once only " +
    "or other our ours out over own same she should so some such than that the their theirs them then " +
    "there these they this those through to too under until up us very was we were what when where " +
    "which while who whom whose why will with would you your yours " +
    "im ive id ill youre youve theyre weve isnt arent wasnt werent dont doesnt didnt cant couldnt wont " +
    "wouldnt shouldnt hasnt havent hadnt thats whats lets"
  ).split(" "),
);
