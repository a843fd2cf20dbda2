/** Starts every invite code, so that a reader of a join line and the coordinator know what it is. */
export const invitePrefix = "cmi_";

/** Starts every token made with `token create`; its first {@link shownTokenLength} characters tell tokens apart and are no secret. */
export const apiTokenPrefix = "cmt_";

/** Characters of a token that lists show, prefix included. What follows them has 128 bits. */
export const shownTokenLength = 12;

/** Starts every node token. */
export const nodeTokenPrefix = "cmn_";
