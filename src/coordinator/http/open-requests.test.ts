import { expect, test } from "bun:test";
import { createOpenRequests, maxOpenRequests } from "./open-requests.ts";

interface FakeRequest {
  readonly address: string;
}

const addressOf = ({ address }: FakeRequest) => address;
const from = (address: string): FakeRequest => ({ address });
const tooMany = expect.objectContaining({ code: "TOO_MANY_REQUESTS" });

test("nobody is asked for an address while one client alone could not have too many", () => {
  const open = createOpenRequests<FakeRequest>(3);
  const never = () => {
    throw new Error("asked");
  };
  for (let count = 0; count < 3; count += 1) open.begin(from("192.0.2.1"), never);
  expect(open.count()).toBe(3);
});

test("a client has so many and no more; others have theirs, and this machine has no limit", () => {
  const open = createOpenRequests<FakeRequest>(2);
  const first = from("192.0.2.1");
  open.begin(first, addressOf);
  open.begin(from("192.0.2.1"), addressOf);
  expect(() => open.begin(from("192.0.2.1"), addressOf)).toThrow(tooMany);
  open.begin(from("192.0.2.2"), addressOf);
  for (let count = 0; count < 10; count += 1) open.begin(from("127.0.0.1"), addressOf);
  open.end(first);
  open.begin(from("192.0.2.1"), addressOf);
  expect(() => open.begin(from("192.0.2.1"), addressOf)).toThrow(tooMany);
  expect(open.count()).toBe(13);
});

test("one that ended before anybody was asked counts for nobody", () => {
  const open = createOpenRequests<FakeRequest>(2);
  const ended = from("192.0.2.1");
  open.begin(ended, addressOf);
  open.end(ended);
  open.begin(from("192.0.2.1"), addressOf);
  open.begin(from("192.0.2.1"), addressOf);
  expect(() => open.begin(from("192.0.2.1"), addressOf)).toThrow(tooMany);
});

test("all clients together have so many and no more", () => {
  const open = createOpenRequests<FakeRequest>(10);
  const all = Array.from({ length: maxOpenRequests }, (_, at) =>
    from(`10.${at >> 16}.${(at >> 8) & 255}.${at & 255}`),
  );
  for (const request of all) open.begin(request, addressOf);
  expect(() => open.begin(from("192.0.2.1"), addressOf)).toThrow(tooMany);
  for (const request of all) open.end(request);
  expect(open.count()).toBe(0);
});
