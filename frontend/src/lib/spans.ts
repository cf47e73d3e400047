/** A text cut at its entities. Offsets count code points, which JavaScript's own strings do not. */
export type Span = { start: number; end: number; label: string; score?: number };

export type Segment = { at: number; text: string; span?: Span };

export const segmentsOf = (text: string, spans: readonly Span[]): Segment[] => {
  const points = Array.from(text);
  const found: Segment[] = [];
  let at = 0;
  for (const span of [...spans].sort((a, b) => a.start - b.start)) {
    if (span.start < at) continue;
    if (span.start > at) found.push({ at, text: points.slice(at, span.start).join("") });
    found.push({ at: span.start, text: points.slice(span.start, span.end).join(""), span });
    at = span.end;
  }
  if (at < points.length) found.push({ at, text: points.slice(at).join("") });
  return found;
};
