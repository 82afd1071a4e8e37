import { describe, expect, test } from 'vitest';
import { inOrder } from '../../../../src/engine/events/read.ts';
import type { EventRecord } from '../../../../src/storage/event-log.ts';

const at = (milliseconds: number, status: string, id = 'a'): EventRecord => ({ time: new Date(1_700_000_000_000 + milliseconds).toISOString(), type: 'container', status, id, name: id });
const order = (...events: EventRecord[]) => inOrder(events).map(({ status, id }) => `${id} ${status}`);

describe('events in order', () => {
  test('go by time, and as written where that is the same', () => {
    expect(order(at(5, 'start'), at(1, 'create'), at(5, 'attach'), at(9, 'died'))).toEqual(['a create', 'a start', 'a attach', 'a died']);
  });

  test('an end does not come before what caused it, only because file times are a tick behind', () => {
    expect(order(at(100, 'create'), at(120, 'start'), at(118, 'died'))).toEqual(['a create', 'a start', 'a died']);
    expect(order(at(300, 'kill'), at(305, 'stop'), at(296, 'died'))).toEqual(['a kill', 'a died', 'a stop']);
  });

  test('but before what really came later, and before what happened to others', () => {
    expect(order(at(100, 'died'), at(150, 'start'), at(101, 'start', 'b'))).toEqual(['a died', 'b start', 'a start']);
    expect(order(at(100, 'died'), at(102, 'remove'))).toEqual(['a died', 'a remove']);
  });
});
