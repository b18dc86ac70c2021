/** Stands in for linkify-it, which is left out: the page links bare addresses itself. */
export class LinkifyIt {}
