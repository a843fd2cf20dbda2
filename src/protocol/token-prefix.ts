/** Starts every invite code, so that a reader of a join line and the coordinator know what it is. */
export const invitePrefix = "cmi_";

/** Starts every node token. */
export const nodeTokenPrefix = "cmn_";
