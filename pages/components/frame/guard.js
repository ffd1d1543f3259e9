// Goes to the sign-in page, and says where to come back to.

export default function (component) {
  if (!component.data?.leave) return;
  const here = location.pathname + location.search;
  location.assign(`/signin?next=${encodeURIComponent(here)}`);
}
