/** Stands in for uc.micro: the platform's regular expressions know the Unicode classes. */
export const P = /\p{P}/u;
export const S = /\p{S}/u;
