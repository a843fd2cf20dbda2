import first from "./0001.sql" with { type: "text" };
import second from "./0002.sql" with { type: "text" };
import third from "./0003.sql" with { type: "text" };
import fourth from "./0004.sql" with { type: "text" };
import fifth from "./0005.sql" with { type: "text" };

/** In order; the first is version 1. A released one never changes: add the next number instead. */
export const migrations: readonly string[] = [first, second, third, fourth, fifth];
